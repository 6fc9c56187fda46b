"""What is missing can be mended as it is said: the step can be played, and what was missing is there then."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

import lab
from lab import Call, Operation, Plane
from lab.model.action import Action, apply, effect
from lab.model.call import PLAINEST
from lab.model.call import Call as AnyCall
from lab.model.endpoint import PUBLIC_SURFACES
from lab.model.outcome import Outcome, Prerequisite
from lab.model.plane import Surface
from lab.model.world import World
from lab.oracle import predict
from lab.report.remedy import remedy
from tests.property.test_model import worlds

AGAIN = {Prerequisite.ENDPOINT, Prerequisite.INSTANCE}
"""These are mended by asking something else, or for something else."""


@st.composite
def denials(draw: st.DrawFn) -> tuple[World, AnyCall, Prerequisite]:
    """Return a call that lacks something, and what that is; instances may be deleted and routes lead elsewhere."""
    world = draw(worlds())
    name = draw(st.sampled_from(sorted(world.instances)))
    world = world.with_instance(replace(world.instances[name], deleted=draw(st.booleans())))
    host = world.hosts[draw(st.sampled_from(sorted(world.hosts)))]
    if draw(st.booleans()) and (public := host.nic(Plane.PUBLIC)) is not None:
        routes = tuple(replace(r, gateway=public.gateway, interface=public.name) for r in host.routes)
        world = world.with_host(replace(host, routes=routes))
    surface = draw(st.sampled_from([Surface.KMS, Surface.EP11, Surface.IAM, Surface.CONSOLE]))
    plane = Plane.PUBLIC if surface in PUBLIC_SURFACES else draw(st.sampled_from(Plane))
    call = Call(by=host.name, instance=name, plane=plane)
    call = replace(call, surface=surface, operation=PLAINEST[surface])
    missing = predict(world, call).missing
    return (world, call, missing) if missing else draw(denials())


@given(denials())
def test_a_remedy_can_be_played(denial: tuple[World, AnyCall, Prerequisite]) -> None:
    """It names what the world has, and after it the same thing is not missing any more."""
    world, call, missing = denial
    step = remedy(world, call, missing).step
    if not step:
        assert missing in {Prerequisite.POLICY, Prerequisite.FIREWALL}  # no action changes an appliance
        return
    deed: Action | AnyCall = eval(step, vars(lab))
    if isinstance(deed, AnyCall):
        verdict = predict(world, deed)
        if deed.operation is Operation.SET_POLICY and verdict.outcome is Outcome.REACHED:
            assert predict(effect(world, deed), call).missing is not missing
        return
    for _ in range(3):  # a machine has three ways, and each remedy mends one
        world = apply(world, deed)
        if missing in AGAIN or predict(world, call).missing is not missing:
            return
        deed = eval(remedy(world, call, missing).step, vars(lab))
        assert not isinstance(deed, AnyCall)
    raise AssertionError(f"{step} mends nothing")
