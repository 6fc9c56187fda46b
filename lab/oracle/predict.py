"""The oracle's two questions: what will this call meet (``predict``), and why (``explain``)."""

from __future__ import annotations

from lab.model.aim import aimed
from lab.model.call import Call, Operation
from lab.model.outcome import Hop, Outcome, Prerequisite, Verdict
from lab.model.plane import Plane
from lab.model.world import World
from lab.oracle import door, path


def predict(world: World, call: Call) -> Verdict:
    """Return the verdict on ``call`` in ``world``.

    Returns:
        Outcome, the id of the deciding rule, the hops in order, and the first missing prerequisite
        in the order of the page (VRF, service endpoints, route, instance, initialised, endpoint, policy).

    Raises:
        ModelError: The caller or the instance is unknown, or the surface has no endpoint in this version.
    """
    host = world.host(call.by, where="call/by")
    endpoint = aimed(world, call)
    if endpoint is None:
        told = Hop(place=host.name, fact=f"{call.setting} has no scheme: the client makes no request of it")
        return Verdict(outcome=Outcome.NOT_SENT, cause="client.no-scheme", hops=(told,), missing=Prerequisite.ENDPOINT)
    way = path.find(world, host, endpoint, first_only=call.first_only)
    if way.door is None:
        return Verdict(outcome=way.outcome, cause=way.cause, hops=way.hops, missing=way.missing)
    decision = door.strayed(call, endpoint) or door.decide(world, host, call, way.door)
    hops = (*way.hops, Hop(place=endpoint.name, fact=decision.fact))
    return Verdict(outcome=decision.outcome, cause=decision.cause, hops=hops, missing=decision.missing)


def explain(world: World, by: str, instance: str, plane: Plane) -> Verdict:
    """Return the verdict on listing the keys of ``instance`` from host ``by`` at its ``plane`` endpoint."""
    world.instance(instance)
    return predict(world, Call(by=by, instance=instance, plane=plane, operation=Operation.LIST))
