"""Undone: what was refused must not have been done all the same. The instance's owner looks, at the private door.

Only what would last is looked for. Where the owner himself is not served (the instance is deleted, or holds no master
key), there is nothing that could have been changed.
"""

from __future__ import annotations

from lab.measure import requests, tke
from lab.measure.asked import Asked
from lab.measure.checks import said, served
from lab.measure.keyring import Keyring
from lab.measure.observation import Observation
from lab.measure.owner import Owner
from lab.model.call import Operation
from lab.model.outcome import Outcome
from lab.model.plane import Surface


async def done_anyway(asked: Asked, owner: Owner, keys: Keyring) -> str:
    """Return what a refused call has done all the same; empty if nothing."""
    instance = asked.world.instances.get(asked.call.instance)
    if instance is None or asked.call.surface is Surface.EP11:  # whose keys are in the clients' hands
        return ""
    match asked.call.operation:
        case Operation.SET_POLICY:
            seen = await owner.policy(instance)
            return "" if _same(asked.policy, seen) else "refused, and the owner reads another policy than just before"
        case Operation.CREATE:
            listing, mark = await owner.ask(instance), requests.mark_in(asked.request)
            made = served(listing) and mark in requests.marks_in(listing)
            return "refused, and the key is made" if made else ""
        case Operation.DELETE if (held := keys.held(asked.call)) is not None and not held.deleted:
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
