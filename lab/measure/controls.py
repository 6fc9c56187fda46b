"""Control pairs: who else may do what the caller was refused at a door, and what that proves.

The service's answer to a policy's refusal and to a missing role is one and the same document, so the cause is proved
apart. The refused request is repeated with one thing changed: another instance (by the caller itself, at the same
plane's door), the private door, the owner's token; what is then served points to the cause. Controls change nothing
that lasts: keys that they make they delete, a policy that they set is the one that stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from lab.describe.placing import control
from lab.errors import ProbeFailed
from lab.measure import grep11, requests
from lab.measure.asked import Asked
from lab.measure.checks import said, served
from lab.measure.grep11 import HeldBlob, Secret
from lab.measure.observation import Observation
from lab.measure.owner import WITNESSES, Owner
from lab.measure.probe import Prober
from lab.measure.requests import Credentials, HeldKey
from lab.model.call import Operation
from lab.model.endpoint import Endpoint, kms, of_instance
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy, Surface
from lab.model.rules import LOGGED_AS

_One = Callable[..., Awaitable[Observation]]
_NAME = "pelab-control"
_KEY_GONE = ("KEY_DELETED_ERR", "KEY_ACTION_INVALID_STATE_ERR")
_NOT_INITIALISED = "CKR_IBM_WK_NOT_INITIALIZED"
_UNPROVED: Final = "the control pairs do not tell policy, role and request apart"
_FOREIGN_BLOB = "CKR_IBM_BLOB_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The other halves: the caller at the twin, at its own account's twin, at the private door; the owner there.

    ``again`` is the caller at the same door with a key that this instance sealed, where a key blob was refused.
    """

    twin: Observation
    own_twin: Observation
    private: Observation
    owner: Observation
    again: Observation | None = None


class Controls:
    """Asks the other halves of control pairs."""

    def __init__(self, prober: Prober, owner: Owner) -> None:
        """Keep who asks."""
        self._prober, self._owner = prober, owner

    async def prove(self, asked: Asked) -> Measurement:
        """Return the cause of a refusal at the door, with its control pairs; ``vacuous`` where they do not prove it."""
        outcome = asked.observed.signature.outcome
        if not asked.credentials.guid:
            return Measurement(outcome=outcome, vacuous="IAM refused; nothing to compare it with")
        call, instance = asked.call, asked.world.instances[asked.call.instance]
        account = asked.world.hosts[call.by].account
        twin, own_twin = (control(asked.world, name) for name in (instance.account, account))
        theirs, owner = asked.credentials, await self._owner.credentials(instance)
        door = of_instance(twin, call.surface, call.plane)
        at_twin = await self._ask(call.by, door, call.operation, theirs.token, twin.guid, ours=True)
        at_own, again = at_twin, None
        if own_twin != twin:
            door = of_instance(own_twin, call.surface, call.plane)
            at_own = await self._ask(call.by, door, call.operation, theirs.token, own_twin.guid, ours=True)
        if _FOREIGN_BLOB in said(asked.observed):
            again = await self._ask(call.by, asked.endpoint, call.operation, theirs.token, instance.guid, ours=False)
        inside, witness = of_instance(instance, call.surface, Plane.PRIVATE), WITNESSES[Plane.PRIVATE]
        pairs = Pairs(
            twin=at_twin,
            own_twin=at_own,
            private=await self._ask(witness, inside, call.operation, theirs.token, instance.guid, ours=False),
            owner=await self._ask(witness, inside, call.operation, owner.token, instance.guid, ours=False),
            again=again,
        )
        cause, why = corroborated(asked, *_cause(asked, pairs))
        evidence = (*_told(asked, pairs), *policy_read(asked))
        return Measurement(outcome=outcome, cause=cause, evidence=evidence, vacuous=why)

    async def _ask(
        self, node: str, door: Endpoint, operation: Operation, token: str, guid: str, *, ours: bool
    ) -> Observation:
        """Have ``node`` ask ``door`` for ``operation``; ``ours``: the instance is the lab's own."""
        credentials = Credentials(token=token, guid=guid)
        if door.surface is Surface.EP11:
            return await self._on_a_blob(node, door, operation, credentials)

        async def one(
            what: Operation, held: HeldKey | None = None, policy: Policy | None = None, secret: str = ""
        ) -> Observation:
            request = requests.key_management(what, credentials, name=_NAME, held=held, policy=policy, secret=secret)
            return await self._prober.ask(node, door.names[0], door.port, request)

        match operation:
            case Operation.LIST | Operation.GET_POLICY:
                return await one(operation)
            case Operation.SET_POLICY:
                stands = await one(Operation.GET_POLICY)
                if not served(stands):
                    return stands
                policy = requests.policy_in(stands)
                return stands if policy is None and not ours else await one(operation, policy=policy)
            case _:
                return await self._on_a_key(one, operation)

    async def _on_a_blob(
        self, node: str, door: Endpoint, operation: Operation, credentials: Credentials
    ) -> Observation:
        """Judge an EP11 operation, on a key made for it where it needs one; no instance keeps it."""

        async def one(what: Operation, held: HeldBlob | None = None, secret: Secret | None = None) -> Observation:
            request = grep11.crypto(what, credentials, held=held, secret=secret)
            return await self._prober.ask(node, door.names[0], door.port, request)

        if operation not in {Operation.ENCRYPT, Operation.DECRYPT}:
            return await one(operation)
        if not served(made := await one(Operation.GENERATE_KEY)):
            return made
        held, secret = grep11.generated_in(made), grep11.fresh_secret()
        encrypted = await one(Operation.ENCRYPT, held, secret)
        if operation is Operation.ENCRYPT or not served(encrypted):
            return encrypted
        ciphered = grep11.ciphered_in(encrypted, secret)
        return await one(operation, HeldBlob(blob=held.blob, secret=secret, ciphered=ciphered))

    async def _on_a_key(self, one: _One, operation: Operation) -> Observation:
        """Make a key, judge ``operation`` on it, and delete it again."""
        made = await one(Operation.CREATE)
        if not served(made):
            return made
        held, secret = requests.created_in(made), requests.fresh_secret()
        judged, deleted = made, False
        try:
            if operation is Operation.UNWRAP:
                wrapped = await one(Operation.WRAP, held=held, secret=secret)
                held = HeldKey(id=held.id, ciphertext=requests.ciphertext_in(wrapped, secret))
            if operation is not Operation.CREATE:
                judged = await one(operation, held=held, secret=secret)
            deleted = operation is Operation.DELETE and served(judged)
        finally:
            if not deleted and not served(gone := await one(Operation.DELETE, held=held)):
                raise ProbeFailed(f"a control's key stays in the instance: {gone.last.detail}")
        return judged


def early(seen: Observation) -> bool:
    """Whether an instance answered that it is not initialised yet."""
    return seen.signature.outcome is Outcome.BAD_REQUEST and _NOT_INITIALISED in said(seen)


def reads_private_only(asked: Asked) -> bool:
    """Whether the owner read, just before the call, that the policy is private-only."""
    read = asked.policy
    return read is not None and served(read) and requests.policy_in(read) is Policy.PRIVATE_ONLY


def policy_read(asked: Asked) -> list[Evidence]:
    """Return what the owner read as the instance's policy."""
    if asked.policy is None:
        return []
    told = asked.policy.last.detail
    if served(asked.policy):
        stands = requests.policy_in(asked.policy)
        told = f"allowedNetwork {stands.value if stands else 'was never set'}"
    detail = f"the owner at the private door, just before: {told}"
    return [
        Evidence(
            kind="policy-read", where=kms(asked.world.instances[asked.call.instance], Plane.PRIVATE).name, detail=detail
        )
    ]


def corroborated(asked: Asked, cause: str, why: str) -> tuple[str, str]:
    """Return the cause, withdrawn if the service's own log names another rule than the control pairs do."""
    rule = LOGGED_AS.get(cause, cause)
    if not cause or asked.log is None or asked.log.get("rule") == rule:
        return cause, why
    return "", f"control pairs say {cause}, the service's log says {asked.log.get('rule')}"


def _cause(asked: Asked, pairs: Pairs) -> tuple[str, str]:
    """Return the cause that the pairs prove, or an empty one and why they do not."""
    call, outcome, text = asked.call, asked.observed.signature.outcome, said(asked.observed)
    twin, own_twin, private, owner = map(served, (pairs.twin, pairs.own_twin, pairs.private, pairs.owner))
    locked = "policy.both-apis" if call.surface is Surface.EP11 else "policy.private-only"
    match outcome:
        case Outcome.UNAUTHORIZED if call.plane is Plane.PUBLIC and twin and private:
            if reads_private_only(asked):
                return locked, ""
            return "", "refused as by private-only, but that is not the policy that the owner reads"
        case Outcome.UNAUTHORIZED if call.plane is Plane.PUBLIC and twin and early(pairs.private):
            # inside, the same token gets past the door, to an instance that cannot say its policy yet
            return locked, ""
        case Outcome.UNAUTHORIZED if not private and owner and own_twin:
            return "door.other-account", ""
        case Outcome.UNAUTHORIZED:
            return "", _UNPROVED
        case Outcome.BAD_REQUEST if early(asked.observed) and twin:
            policy = call.operation is Operation.SET_POLICY
            return "policy.needs-initialised" if policy else "instance.not-initialised", ""
        case Outcome.BAD_REQUEST if _FOREIGN_BLOB in text and pairs.again is not None and served(pairs.again):
            return "key.foreign-blob", ""
        case Outcome.NOT_FOUND if "KEY_NOT_FOUND_ERR" in text and twin and private:
            return "key.unknown", ""
        case Outcome.GONE | Outcome.CONFLICT if twin and private and any(code in text for code in _KEY_GONE):
            return "key.deleted", ""
        case Outcome.NOT_FOUND if "Instance" in text and twin and not owner:
            return "instance.deleted", ""
    return "", f"no control pair proves why {outcome.value} was answered"


def _told(asked: Asked, pairs: Pairs) -> list[Evidence]:
    plane, by = asked.call.plane.value, asked.call.by
    told = [
        _pair(f"{by}, same token and request, control instance, {plane} door", pairs.twin),
        _pair("same token and request, same instance, private door", pairs.private),
        _pair("owner's token, same instance, private door", pairs.owner),
    ]
    if pairs.own_twin is not pairs.twin:
        told.append(_pair(f"{by}, same token and request, its own account's control instance", pairs.own_twin))
    if pairs.again is not None:
        told.append(_pair(f"{by}, same token, same door, a key that this instance sealed", pairs.again))
    return told


def _pair(what: str, seen: Observation) -> Evidence:
    told = "served" if served(seen) else seen.last.detail or seen.signature.value
    return Evidence(kind="control-pair", where=seen.name, detail=f"{what}: {told}")
