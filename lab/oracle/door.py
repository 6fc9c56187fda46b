"""What a front door decides about a call that found it: state, account, policy, keys."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.call import Call, Operation
from lab.model.endpoint import Endpoint
from lab.model.outcome import Outcome, Prerequisite
from lab.model.plane import Plane, Policy, Surface
from lab.model.world import Host, Instance, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Outcome, deciding rule, what was decided in words, and what to mend first."""

    outcome: Outcome
    cause: str
    fact: str
    missing: Prerequisite | None = None


def strayed(call: Call, endpoint: Endpoint) -> Decision | None:
    """Return what a call meets at an endpoint that is not the one of its instance; None where it is."""
    if call.setting is None:
        return None
    if endpoint.surface is Surface.EP11:
        fact = f"{endpoint.name} speaks gRPC, and the client HTTP/1.1"
        return Decision(outcome=Outcome.TLS_FAILED, cause="ep11.speaks-grpc", fact=fact, missing=Prerequisite.ENDPOINT)
    if endpoint.instance == call.instance:
        return None
    fact = f"{endpoint.name} knows no instance {call.instance}"
    return Decision(outcome=Outcome.UNAUTHORIZED, cause="door.other-instance", fact=fact, missing=Prerequisite.ENDPOINT)


def decide(world: World, host: Host, call: Call, door: Plane) -> Decision:
    """Return what the door on plane ``door`` answers; ``world`` holds the instance unless the surface is shared."""
    if call.surface is Surface.IAM:
        return Decision(outcome=Outcome.REACHED, cause="door.served", fact="IAM issues a token")
    instance = world.instances[call.instance]
    if host.account != instance.account:
        fact = f"a token of {host.account} opens nothing of {instance.account}"
        return Decision(outcome=Outcome.UNAUTHORIZED, cause="door.other-account", fact=fact)
    admitted = admit(instance, door, call.surface)
    if admitted.outcome is not Outcome.REACHED:
        return admitted
    if instance.deleted:
        fact = f"{instance.name} is deleted: its policy is not enforced, and it is not found"
        return Decision(outcome=Outcome.NOT_FOUND, cause="instance.deleted", fact=fact, missing=Prerequisite.INSTANCE)
    if not instance.initialised:
        rule = "policy.needs-initialised" if call.operation is Operation.SET_POLICY else "instance.not-initialised"
        return Decision(
            outcome=Outcome.BAD_REQUEST,
            cause=rule,
            fact=f"{instance.name} is not initialised",
            missing=Prerequisite.INITIALISED,
        )
    if call.surface is Surface.EP11:
        return _blob(world, call) or admitted
    if call.key in instance.deleted_keys and call.operation is not Operation.CREATE:
        used = call.operation in {Operation.WRAP, Operation.UNWRAP}
        outcome = Outcome.CONFLICT if used else Outcome.GONE
        return Decision(outcome=outcome, cause="key.deleted", fact=f"key {call.key} is deleted")
    if call.key is not None and call.operation is not Operation.CREATE and call.key not in instance.keys:
        return Decision(outcome=Outcome.NOT_FOUND, cause="key.unknown", fact=f"no key {call.key}")
    return admitted


def _blob(world: World, call: Call) -> Decision | None:
    """Return the refusal of a key that another instance sealed, or nobody; None where the instance takes it."""
    if call.key is None or call.operation is Operation.GENERATE_KEY or world.blobs.get(call.key) == call.instance:
        return None
    sealed = world.blobs.get(call.key)
    fact = f"key {call.key} was sealed by {sealed}" if sealed else f"no instance sealed a key {call.key}"
    return Decision(outcome=Outcome.BAD_REQUEST, cause="key.foreign-blob", fact=fact)


def admit(instance: Instance, door: Plane, surface: Surface) -> Decision:
    """Return what the network access policy says of a request at ``door``; that of a deleted instance says nothing."""
    if instance.policy is None or instance.deleted:
        return Decision(
            outcome=Outcome.REACHED, cause="policy.default", fact="no policy is set: both planes are served"
        )
    if instance.policy is Policy.PUBLIC_AND_PRIVATE:
        return Decision(outcome=Outcome.REACHED, cause="policy.public-and-private", fact="both planes are served")
    if door is Plane.PRIVATE:
        return Decision(
            outcome=Outcome.REACHED, cause="policy.private-endpoint-served", fact="private-only, private door"
        )
    return Decision(
        outcome=Outcome.UNAUTHORIZED,
        cause="policy.both-apis" if surface is Surface.EP11 else "policy.private-only",
        fact="private-only: refused at the public door",
        missing=Prerequisite.POLICY,
    )
