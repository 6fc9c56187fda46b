"""The oracle's two questions: what will this call meet (``predict``), and why (``explain``)."""

from __future__ import annotations

from lab.errors import ModelError, Problem
from lab.model.call import Call, Operation
from lab.model.endpoint import ABOUT_INSTANCES, Endpoint, iam, of_instance
from lab.model.outcome import Hop, Verdict
from lab.model.plane import Plane, Surface
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
    endpoint = endpoint_of(world, call)
    way = path.find(world, host, endpoint, first_only=call.first_only)
    if way.door is None:
        return Verdict(outcome=way.outcome, cause=way.cause, hops=way.hops, missing=way.missing)
    decision = door.decide(world, host, call, way.door)
    hops = (*way.hops, Hop(place=endpoint.name, fact=decision.fact))
    return Verdict(outcome=decision.outcome, cause=decision.cause, hops=hops, missing=decision.missing)


def endpoint_of(world: World, call: Call) -> Endpoint:
    """Return the endpoint that ``call`` means; ModelError if this version has none for its surface."""
    if call.surface is Surface.IAM:
        return iam(call.plane)
    if call.surface not in ABOUT_INSTANCES:
        text = f"surface {call.surface.value} has no endpoint in this version"
        raise ModelError(Problem(where=f"call/{call.by}/surface", text=text, hint="kms, ep11, iam, broker or console"))
    return of_instance(world.instance(call.instance, where="call/instance"), call.surface, call.plane)


def explain(world: World, by: str, instance: str, plane: Plane) -> Verdict:
    """Return the verdict on listing the keys of ``instance`` from host ``by`` at its ``plane`` endpoint."""
    world.instance(instance)
    return predict(world, Call(by=by, instance=instance, plane=plane, operation=Operation.LIST))
