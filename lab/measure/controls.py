"""Control pairs: who else may do what the caller was refused at a door, and what that proves.

The service's answer to a policy's refusal and to a missing role is one and the same document, so the cause is proved
apart. The refused request is repeated with one thing changed: another instance (by the caller itself, at the same
plane's door), the private door, the owner's token; what is then served points to the cause. Controls change nothing
that lasts: keys that they make they delete, a policy that they set is the one that stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from lab.describe.placing import control
from lab.errors import ProbeFailed
from lab.measure import grep11, platform, requests, tke
from lab.measure.asked import Asked
from lab.measure.checks import said, served
from lab.measure.grep11 import HeldBlob, Secret
from lab.measure.observation import Observation
from lab.measure.owner import WITNESSES, Owner
from lab.measure.probe import Prober
from lab.measure.requests import Credentials, HeldKey
from lab.model.call import OPERATIONS, Call, Operation
from lab.model.endpoint import ABOUT_INSTANCES, PUBLIC_SURFACES, Endpoint, kms, of_instance
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy, Surface
from lab.model.rules import LOCKED_AS, LOGGED_AS
from lab.model.world import Instance

_One = Callable[..., Awaitable[Observation]]
_NAME = "pelab-control"
_KEY_GONE = ("KEY_DELETED_ERR", "KEY_ACTION_INVALID_STATE_ERR")
_NOT_INITIALISED = "CKR_IBM_WK_NOT_INITIALIZED"
_UNPROVED: Final = "the control pairs do not tell policy, role and request apart"
_BY_ITSELF = frozenset({
    Operation.LIST, Operation.GET_POLICY, Operation.GET_INSTANCE, Operation.LIST_CRYPTO_UNITS, Operation.INITIALISE,
})  # fmt: skip
"""What a control asks for as it is; the others need a key, or the policy that stands."""
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
        at_twin = await self._ask(call, twin, theirs.token, ours=True)
        at_own, again = at_twin, None
        if own_twin != twin:
            at_own = await self._ask(call, own_twin, theirs.token, ours=True)
        if _FOREIGN_BLOB in said(asked.observed):
            again = await self._ask(call, instance, theirs.token)
        inside = _inside(call)
        pairs = Pairs(
            twin=at_twin,
            own_twin=at_own,
            private=await self._ask(inside, instance, theirs.token),
            owner=await self._ask(inside, instance, owner.token),
            again=again,
        )
        cause, why = corroborated(asked, *_cause(asked, pairs))
        evidence = (*_told(asked, pairs), *policy_read(asked))
        return Measurement(outcome=outcome, cause=cause, evidence=evidence, vacuous=why)

    async def _ask(self, call: Call, instance: Instance, token: str, *, ours: bool = False) -> Observation:
        """Make ``call`` to ``instance`` instead of its own, with ``token``; ``ours``: it is the lab's own instance."""
        credentials, operation = Credentials(token=token, guid=instance.guid), call.operation
        if operation is Operation.INITIALISE and not ours:
            operation = Operation.LIST_CRYPTO_UNITS  # it would last; the lab's own instance refuses it
        if call.surface is Surface.EP11:
            door = of_instance(instance, call.surface, call.plane)
            return await self._on_a_blob(call.by, door, operation, credentials)

        async def one(
            what: Operation, held: HeldKey | None = None, policy: Policy | None = None, secret: str = ""
        ) -> Observation:
            # the console deletes no keys: what a browser made, its caller deletes at the instance's own door
            surface = call.surface if what in OPERATIONS[call.surface] else Surface.KMS
            door = of_instance(instance, surface, call.plane)
            about = {"name": _NAME, "held": held, "policy": policy, "secret": secret}
            request = platform.request(surface, what, credentials, **about)
            return await self._prober.ask(call.by, door.names[0], door.port, request)

        match operation:
            case _ if operation in _BY_ITSELF:
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
                if not served(wrapped):
                    return wrapped
                held = HeldKey(id=held.id, ciphertext=requests.ciphertext_in(wrapped, secret))
            if operation is not Operation.CREATE:
                judged = await one(operation, held=held, secret=secret)
            deleted = operation is Operation.DELETE and served(judged)
        finally:
            if not deleted and not served(gone := await one(Operation.DELETE, held=held)):
                raise ProbeFailed(f"a control's key stays in the instance: {gone.last.detail}")
        return judged


def _inside(call: Call) -> Call:
    """Return the witness's call for the same, where no network access policy refuses it.

    That is the private door; key management's for what the console asks of it. The instance document has none, and
    no policy.
    """
    if call.operation is Operation.GET_INSTANCE:
        return replace(call, by=WITNESSES[call.plane])
    surface = Surface.KMS if call.surface in PUBLIC_SURFACES else call.surface
    return replace(call, by=WITNESSES[Plane.PRIVATE], surface=surface, plane=Plane.PRIVATE)


async def rightly(asked: Asked, seen: Observation, door: Endpoint, owner: Owner) -> bool:
    """Whether a door that ``asked`` is about, asked by the owner of ``asked.theirs``, answers as one that serves."""
    if door.surface is Surface.KEY_PROTECT:
        return seen.status is not None  # it has no instance that it could serve
    if served(seen) or door.surface not in ABOUT_INSTANCES:
        return served(seen)
    theirs, state = asked.theirs(door), seen.signature.outcome
    policy = asked.read[theirs.name]
    # of an instance that is not initialised nobody reads the policy
    unread = early(policy)
    locked = (
        state in {Outcome.UNAUTHORIZED, Outcome.NOT_LISTED}
        and door.plane is Plane.PUBLIC
        and (unread or is_private_only(policy))
    )
    gone = state is Outcome.NOT_FOUND and "Instance" in said(seen)
    if not (locked or gone or early(seen)):
        return False
    # the state of the instance forbids it: then the lab's own instance beside it must be served
    twin = control(asked.world, theirs.account)
    return served(await owner.plainest(twin, door.surface, plane=door.plane))


def early(seen: Observation) -> bool:
    """Whether an instance answered that it is not initialised yet."""
    return seen.signature.outcome is Outcome.BAD_REQUEST and _NOT_INITIALISED in said(seen)


def is_private_only(policy: Observation | None) -> bool:
    """Whether the owner was told that the policy is private-only."""
    return policy is not None and served(policy) and requests.policy_in(policy) is Policy.PRIVATE_ONLY


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
    logged = [log.get("rule") for log in (asked.log, asked.behind) if log is not None]
    if not cause or all(said == rule for said in logged):
        return cause, why
    return "", f"control pairs say {cause}, the service's log says {' and '.join(map(str, dict.fromkeys(logged)))}"


def _let_in(call: Call, twin: Observation) -> bool:
    """Whether a control instance lets the call in: it has a master key, and says so to who may load one."""
    return twin.signature.outcome is Outcome.CONFLICT if call.operation is Operation.INITIALISE else served(twin)


def _cause(asked: Asked, pairs: Pairs) -> tuple[str, str]:
    """Return the cause that the pairs prove, or an empty one and why they do not."""
    call, outcome, text = asked.call, asked.observed.signature.outcome, said(asked.observed)
    twin, own_twin = (_let_in(call, seen) for seen in (pairs.twin, pairs.own_twin))
    private, owner = served(pairs.private), served(pairs.owner)
    locked = LOCKED_AS.get(call.surface, "policy.private-only")
    match outcome:
        case Outcome.UNAUTHORIZED | Outcome.NOT_LISTED if call.plane is Plane.PUBLIC and twin and private:
            if outcome is Outcome.NOT_LISTED:
                locked = "tke.left-out"
            # of an instance that is not initialised nobody reads the policy; TKE shows its units inside all the same
            if is_private_only(asked.policy) or (call.surface is Surface.TKE and asked.policy and early(asked.policy)):
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
        case Outcome.CONFLICT if call.operation is Operation.INITIALISE and private and tke.keyed(pairs.private):
            return "instance.initialised-already", ""
        case Outcome.NOT_FOUND if "KEY_NOT_FOUND_ERR" in text and twin and private:
            return "key.unknown", ""
        case Outcome.GONE | Outcome.CONFLICT if twin and private and any(code in text for code in _KEY_GONE):
            return "key.deleted", ""
        case Outcome.NOT_FOUND if "Instance" in text and twin and not owner:
            return "instance.deleted", ""
    return "", f"no control pair proves why {outcome.value} was answered"


def _told(asked: Asked, pairs: Pairs) -> list[Evidence]:
    plane, by = asked.call.plane.value, asked.call.by
    inside, there = _inside(asked.call), "private door"
    if asked.call.surface in PUBLIC_SURFACES:
        there = f"{inside.surface.value}/{inside.plane.value}"
    # what an initialisation would change there is asked for instead
    inner = "same token, its crypto units" if asked.call.operation is Operation.INITIALISE else "same token and request"
    told = [
        pair(f"{by}, same token and request, control instance, {plane} door", pairs.twin),
        pair(f"{inner}, same instance, {there}", pairs.private),
        pair(f"owner's token, same instance, {there}", pairs.owner),
    ]
    if pairs.own_twin is not pairs.twin:
        told.append(pair(f"{by}, same token and request, its own account's control instance", pairs.own_twin))
    if pairs.again is not None:
        told.append(pair(f"{by}, same token, same door, a key that this instance sealed", pairs.again))
    return told


def pair(what: str, seen: Observation) -> Evidence:
    """Return one half of a control pair, as evidence: who asked what, and what was told."""
    told = "served" if served(seen) else seen.last.detail or seen.signature.value
    return Evidence(kind="control-pair", where=seen.name, detail=f"{what}: {told}")
