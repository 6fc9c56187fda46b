"""Control pairs: who else may do what the caller was refused, and what that proves.

The service's answer to a policy's refusal and to a missing role is one and the same document, so the cause
is proved apart. The plane's witness repeats the refused request with one thing changed: another instance,
the other plane, the owner's token; what is then served points to the cause. Controls change nothing that
lasts: keys that they make they delete, a policy that they set is the one that stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lab.describe.placing import control
from lab.errors import ProbeFailed
from lab.measure import requests
from lab.measure.probe import Observation, Prober
from lab.measure.requests import Credentials, HeldKey
from lab.model.call import Call, Operation
from lab.model.endpoint import Endpoint, kms
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy
from lab.model.world import World

_One = Callable[..., Awaitable[Observation]]
_NAME = "pelab-control"
_NOT_INITIALISED = "CKR_IBM_WK_NOT_INITIALIZED"


class Controls:
    """Asks the other halves of control pairs, by the lab's witnesses."""

    def __init__(self, prober: Prober, witnesses: Mapping[Plane, str]) -> None:
        """Keep who asks on which plane."""
        self._prober, self._witnesses = prober, witnesses

    async def prove(
        self,
        world: World,
        call: Call,
        credentials: Credentials,
        observed: Observation,
        token: Callable[[str], Awaitable[str]],
    ) -> Measurement:
        """Return the cause of a refusal at the door, with its control pairs; ``vacuous`` where they do not prove it.

        Args:
            token: Returns a token of an account, to ask as the instance's owner.
        """
        if not credentials.guid:
            text = "IAM refused; nothing to compare it with"
            return Measurement(outcome=observed.signature.outcome, vacuous=text)
        instance = world.instances[call.instance]
        twin = control(world, instance.account)
        at_twin = await self._ask(kms(twin, Plane.PUBLIC), call.operation, credentials.token, twin.guid, ours=True)
        inside = kms(instance, Plane.PRIVATE)
        at_private = await self._ask(inside, call.operation, credentials.token, instance.guid, ours=False)
        owner = await token(instance.account)
        as_owner = await self._ask(inside, call.operation, owner, instance.guid, ours=False)
        pairs = (
            _pair("same token and request, control instance, public door", at_twin),
            _pair("same token and request, same instance, private door", at_private),
            _pair("owner's token, same instance, private door", as_owner),
        )
        outcome = observed.signature.outcome
        cause, why = _cause(call, outcome, observed, at_twin, at_private, as_owner)
        return Measurement(outcome=outcome, cause=cause, evidence=pairs, vacuous=why)

    async def _ask(self, door: Endpoint, operation: Operation, token: str, guid: str, *, ours: bool) -> Observation:
        """Ask ``door`` for ``operation`` as its plane's witness; ``ours``: the instance is the lab's own."""
        witness, credentials = self._witnesses[door.plane], Credentials(token=token, guid=guid)

        async def one(what: Operation, held: HeldKey | None = None, policy: Policy | None = None) -> Observation:
            request = requests.key_management(what, credentials, name=_NAME, held=held, policy=policy)
            return await self._prober.ask(witness, door.names[0], door.port, request)

        match operation:
            case Operation.LIST | Operation.GET_POLICY:
                return await one(operation)
            case Operation.SET_POLICY:
                stands = await one(Operation.GET_POLICY)
                if stands.signature.outcome is not Outcome.REACHED:
                    return stands
                policy = requests.policy_in(stands)
                return stands if policy is None and not ours else await one(operation, policy=policy)
            case _:
                return await self._on_a_key(one, operation)

    async def _on_a_key(self, one: _One, operation: Operation) -> Observation:
        """Make a key, judge ``operation`` on it, and delete it again."""
        made = await one(Operation.CREATE)
        if made.signature.outcome is not Outcome.REACHED:
            return made
        held = requests.created_in(made)
        judged, deleted = made, False
        try:
            if operation is Operation.UNWRAP:
                held = HeldKey(id=held.id, ciphertext=requests.ciphertext_in(await one(Operation.WRAP, held=held)))
            if operation is not Operation.CREATE:
                judged = await one(operation, held=held)
            deleted = operation is Operation.DELETE and judged.signature.outcome is Outcome.REACHED
        finally:
            if (
                not deleted
                and (gone := await one(Operation.DELETE, held=held)).signature.outcome is not Outcome.REACHED
            ):
                raise ProbeFailed(f"a control's key stays in the instance: {gone.last.detail}")
        return judged


def _cause(
    call: Call,
    outcome: Outcome,
    observed: Observation,
    at_twin: Observation,
    at_private: Observation,
    as_owner: Observation,
) -> tuple[str, str]:
    """Return the cause that the pairs prove, or an empty one and why they do not."""
    served = [seen.signature.outcome is Outcome.REACHED for seen in (at_twin, at_private, as_owner)]
    text = requests.message_in(observed)
    match outcome:
        case Outcome.UNAUTHORIZED if call.plane is Plane.PUBLIC and served[0] and served[1]:
            return "policy.private-only", ""
        case Outcome.UNAUTHORIZED if not served[1] and served[2]:
            return "door.other-account", ""
        case Outcome.UNAUTHORIZED:
            return "", "the control pairs do not tell policy, role and request apart"
        case Outcome.BAD_REQUEST if _NOT_INITIALISED in text and served[0]:
            early = call.operation is Operation.SET_POLICY
            return "policy.needs-initialised" if early else "instance.not-initialised", ""
        case Outcome.NOT_FOUND if "KEY_NOT_FOUND_ERR" in text and served[1]:
            return "key.unknown", ""
        case Outcome.NOT_FOUND if "Instance" in text and served[0] and not served[2]:
            return "instance.deleted", ""
    return "", f"no control pair proves why {outcome.value} was answered"


def _pair(what: str, seen: Observation) -> Evidence:
    said = "served" if seen.signature.outcome is Outcome.REACHED else seen.last.detail or seen.signature.value
    return Evidence(kind="control-pair", where=seen.name, detail=f"{what}: {said}")
