"""A change is whole or the end of the questions: no verdict comes from a world that nobody described."""

from __future__ import annotations

import os

import pytest

from lab import Call, EnableServiceEndpoints, Lab, Netlink, Outcome, catalogue, wire
from lab.describe.changes import difference
from lab.describe.placing import plan
from lab.errors import LiveError
from lab.live.client import LiveLab
from lab.live.protocol import Console, Done
from lab.model.action import apply

pytestmark = pytest.mark.live

VSI = Call.private("vsi-1", "keys")
PATIENCE_S = 10.0


def command_line(lab: LiveLab, line: str) -> None:
    """Have the lab's own command line carry out one line."""
    reading, writing = os.pipe()
    os.write(writing, f"{line}\nexit\n".encode())
    os.close(writing)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        lab.lab.channel.ask(Console(), Done, [reading, nowhere, nowhere], timeout_s=PATIENCE_S)
    finally:
        wire.close([reading, nowhere])


def test_after_a_change_that_failed_half_way_nothing_is_answered() -> None:
    """Somebody's own route on the edge stands in the way: part of the change is in the kernel, the world is neither."""
    world = catalogue.load_topology("single_account", service_endpoints=False).world()
    action = EnableServiceEndpoints(account="acme")
    change = difference(plan(world), plan(apply(world, action)))
    node = next(node for node in change.nodes if node.routes_gained)
    route = node.routes_gained[-1]
    with Lab(world, capture=False) as lab:
        words = f"ip route add unreachable {route.dst} table {route.table}"
        command_line(lab, f"{node.node} {words}")
        with pytest.raises(LiveError, match="File exists"):
            lab.act(action)
        with pytest.raises(LiveError, match=r"EnableServiceEndpoints failed half-way .*File exists.*another lab"):
            lab.ask(VSI)
        with pytest.raises(LiveError, match="failed half-way"):
            lab.act(action)


def test_a_route_that_the_kernel_refused_is_an_answer() -> None:
    """It changed nothing, so the lab goes on."""
    with Lab(catalogue.load_topology("single_account").world(), capture=False) as lab:
        command_line(lab, "vsi-1 ip route del 166.9.0.0/16")
        lab.act(Netlink("vsi-1").route("del", dst="166.9.0.0/16"))
        assert lab.ask(Call.public("laptop", "keys")).outcome is Outcome.REACHED
