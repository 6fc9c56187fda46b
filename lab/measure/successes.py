"""Successes: what a call that was served must show besides its answer, and under which rule it was served."""

from __future__ import annotations

from dataclasses import replace

from lab.describe.placing import control
from lab.measure import checks, grep11, platform, requests, tke
from lab.measure.asked import Asked
from lab.measure.checks import served
from lab.measure.controls import early, is_private_only, rightly
from lab.measure.keyring import Keyring
from lab.measure.owner import Owner
from lab.model.call import Operation
from lab.model.endpoint import doors_of
from lab.model.outcome import Outcome
from lab.model.plane import Plane, Policy, Surface


def cause(asked: Asked) -> tuple[str, str]:
    """Return the rule under which a call was served, by what the owner reads as the policy, or why none is known."""
    if asked.call.surface is Surface.IAM:
        return "door.served", ""
    if asked.call.operation is Operation.GET_INSTANCE:
        return "broker.served", ""
    if asked.call.surface is Surface.TKE:
        locked = asked.call.plane is Plane.PUBLIC and is_private_only(asked.policy)
        return ("", "shown at the public door although the owner reads private-only") if locked else ("tke.served", "")
    if asked.policy is None or not served(asked.policy):
        return "", "served, but the owner cannot read under which policy"
    if is_private_only(asked.policy):
        if asked.call.plane is Plane.PRIVATE:
            return "policy.private-endpoint-served", ""
        return "", "served at the public door although the owner reads private-only"
    both = requests.policy_in(asked.policy) is Policy.PUBLIC_AND_PRIVATE
    return "policy.public-and-private" if both else "policy.default", ""


async def shown(asked: Asked, owner: Owner, keys: Keyring) -> str:
    """Return what is wrong with an answer that the owner, who asks for it at the private door, does not find true."""
    call = asked.call
    if call.surface is Surface.IAM:
        return ""
    if call.operation is Operation.GET_INSTANCE:
        return await _endpoints_shown(asked, owner)
    if call.surface is Surface.EP11:
        return await _crypto_shown(asked, owner, keys)
    if call.surface is Surface.TKE:
        return await _units_shown(asked, owner)
    instance, held = asked.world.instances[call.instance], keys.held(call)
    match call.operation:
        case Operation.SET_POLICY:
            seen = await owner.policy(instance)
            stands = served(seen) and requests.policy_in(seen) is call.policy
            return "" if stands else "acknowledged, but the policy is not set"
        case Operation.GET_POLICY:
            same = asked.policy is not None and requests.policy_in(asked.observed) is requests.policy_in(asked.policy)
            return "" if same else "answered with another policy than the owner reads"
        case Operation.CREATE:
            seen = await owner.ask(instance, Operation.GET, held=held)
            there = held is not None and served(seen) and requests.created_in(seen).id == held.id
            return "" if there else "acknowledged, but the key is not there"
        case Operation.DELETE:
            gone = (await owner.ask(instance, Operation.GET, held=held)).signature.outcome
            return "" if gone in {Outcome.GONE, Outcome.NOT_FOUND} else "acknowledged, but the key is there"
        case Operation.LIST:
            owners = requests.listed_in(await owner.ask(instance))
            same = set(requests.listed_in(asked.observed)) <= set(owners)
            return "" if same else "answered with keys that the owner is not shown"
        case Operation.WRAP if held is not None:
            seen = await owner.ask(instance, Operation.UNWRAP, held=held)
            opens = served(seen) and requests.document(seen).get("plaintext") == held.plaintext
            return "" if opens else "wrapped, but what came of it does not unwrap to what was wrapped"
        case Operation.UNWRAP:
            seen = await owner.ask(instance, Operation.UNWRAP, held=held, other_data=True)
            refused = seen.signature.outcome is Outcome.BAD_REQUEST
            return "" if refused else "unwrapped, but other additional data unwraps it too: nothing is bound to it"
        case _:
            return ""


async def _units_shown(asked: Asked, owner: Owner) -> str:
    """Return what is wrong with crypto units: the owner is shown the same, and they hold the key that was loaded."""
    instance = asked.world.instances[asked.call.instance]
    seen = await owner.plainest(instance, Surface.TKE)
    if not served(seen) or tke.units(seen) != tke.units(asked.observed):
        return "answered with other crypto units than the owner is shown"
    twin = await owner.plainest(control(asked.world, instance.account), Surface.TKE)
    if not served(twin) or not tke.apart(asked.observed, twin):
        return "answered with crypto units that another instance has too"
    if asked.call.operation is not Operation.INITIALISE:
        return _register_shown(asked)
    if not tke.loaded(asked.request, asked.observed):
        return "acknowledged, but the crypto units do not hold the key whose parts were sent"
    return "" if served(await owner.ask(instance)) else "acknowledged, but key management does not serve the owner"


def _register_shown(asked: Asked) -> str:
    """Return what is wrong with master key registers: key management said just before whether there is a key."""
    if asked.policy is None:
        return ""
    agrees = tke.keyed if served(asked.policy) else tke.empty if early(asked.policy) else None
    if agrees is None or agrees(asked.observed):
        return ""
    return "the crypto units say another thing of the master key than key management does"


async def _endpoints_shown(asked: Asked, owner: Owner) -> str:
    """Return what is wrong with the endpoints that a document tells: each is the instance's, and answers its owner."""
    if why := platform.check_document(asked):
        return why
    instance = asked.world.instances[asked.call.instance]
    for door in doors_of(instance):
        seen = await owner.plainest(instance, door.surface, plane=door.plane)
        if not await rightly(asked, seen, door, owner):
            return f"the document tells {door.authority}, which answers nobody: {seen.last.detail}"
    return ""


async def _crypto_shown(asked: Asked, owner: Owner, keys: Keyring) -> str:
    """Return what the owner does not find true: what was encrypted decrypts again, and its key is taken here only."""
    call, instance = asked.call, asked.world.instances[asked.call.instance]
    if call.operation is Operation.LIST_MECHANISMS:
        seen = await owner.crypto(instance)
        same = served(seen) and seen.body == asked.observed.body
        return "" if same else "answered with other mechanisms than the owner is told"
    if (held := keys.blobs.held(call)) is None:
        return "served with a key that nobody made"
    if call.operation is Operation.GENERATE_KEY:
        secret = grep11.fresh_secret()
        encrypted = await owner.crypto(instance, Operation.ENCRYPT, held=held, secret=secret)
        if not served(encrypted):
            return "acknowledged, but the instance does not take the key"
        held = replace(held, secret=secret, ciphered=grep11.ciphered_in(encrypted, secret))
    opened = await owner.crypto(instance, Operation.DECRYPT, held=held)
    if held.secret is None or not served(opened) or grep11.decrypted_in(opened) != held.secret.plain:
        return "served, but what was encrypted does not decrypt again"
    elsewhere = await owner.crypto(control(asked.world, instance.account), Operation.DECRYPT, held=held)
    refused = "CKR_IBM_BLOB_ERROR" in checks.said(elsewhere)
    return "" if refused else "served, but another instance does not refuse the key: it is bound to nothing"
