"""Undone: what was refused must not have been done all the same. The instance's owner looks, at the private door.

Only what would last is looked for. Where the owner himself is not served (the instance is deleted, or holds no master
key), there is nothing that could have been changed.
"""

from __future__ import annotations

from dataclasses import replace

from lab.measure import requests, tke
from lab.measure.asked import Asked
from lab.measure.checks import said, served
from lab.measure.keyring import Keyring
from lab.measure.observation import Observation
from lab.measure.owner import Owner
from lab.model.call import Operation
from lab.model.endpoint import ABOUT_INSTANCES
from lab.model.outcome import Outcome
from lab.model.plane import Surface
from lab.model.world import Instance


async def done_anyway(asked: Asked, owner: Owner, keys: Keyring) -> str:
    """Return what a refused call has done all the same, in its instance or in that of the door; empty if nothing."""
    call = asked.call
    if call.surface not in ABOUT_INSTANCES or call.surface is Surface.EP11:  # whose keys are in the clients' hands
        return ""
    for instance in dict.fromkeys((call.instance, asked.theirs(asked.endpoint).name)):
        if why := await _done(asked, asked.world.instances[instance], owner, keys):
            return why
    return ""


async def _done(asked: Asked, instance: Instance, owner: Owner, keys: Keyring) -> str:
    match asked.call.operation:
        case Operation.SET_POLICY:
            seen, before = await owner.policy(instance), asked.read.get(instance.name)
            return "" if _same(before, seen) else "refused, and the owner reads another policy than just before"
        case Operation.CREATE:
            listing, mark = await owner.ask(instance), requests.mark_in(asked.request)
            made = served(listing) and mark in requests.marks_in(listing)
            return "refused, and the key is made" if made else ""
        case Operation.DELETE if (held := keys.held(replace(asked.call, instance=instance.name))) and not held.deleted:
            seen = await owner.ask(instance, Operation.GET, held=held)
            gone = seen.signature.outcome in {Outcome.GONE, Outcome.NOT_FOUND} and "Instance" not in said(seen)
            return "refused, and the key is deleted" if gone else ""
        case Operation.INITIALISE:
            units = await owner.plainest(instance, Surface.TKE)
            loaded = served(units) and tke.loaded_anyway(asked.request, units)
            return "refused, and the crypto units hold the key whose parts were sent" if loaded else ""
        case _:
            return ""


def _same(before: Observation | None, after: Observation) -> bool:
    """Whether a policy is read as it was, or still is not."""
    if before is None or before.signature != after.signature:
        return False
    return not served(after) or before.body == after.body
