"""Every shipped scenario can fail: with one part of the lab broken it is red, at the step that rests on that part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import Reboot, catalogue
from lab.model.action import Action, apply
from lab.model.world import World
from lab.play import runner
from lab.play.runner import Mode, Report, play
from tests.sabotage.faults import broken

pytestmark = pytest.mark.live

UNSEEN = "reading it back showed nothing of it"
OPENED = "predicted unauthorized (policy.private-only), measured reached"
LEAKED = "predicted timed-out (internet.no-private-service), measured reached (policy.default)"
CASES: list[tuple[str, str, str, int, str]] = [
    (
        "both_apis_follow_the_policy", "ignore-policy", "ep11", 7,
        "predicted unauthorized (policy.both-apis), measured reached",
    ),
    ("endpoint_variables", "close-listener", "key-protect/public/us-south", 3, "measured refused"),
    ("first_private_call", "frozen-edge", "", 1, f"EnableVrf: {UNSEEN}"),
    ("locked_out_by_everyone", "ignore-policy", "", 2, OPENED),
    ("missing_private_route", "leak-to-internet", "", 1, LEAKED),
    ("narrow_route", "deaf-hosts", "", 1, "the route does not show: its table has no route to 166.9.1.0/24"),
    ("new_and_existing_instances", "frozen-edge", "", 2, f"EnableServiceEndpoints: {UNSEEN}"),
    ("one_zone_down", "frozen-edge", "", 2, f"TakeZoneDown: {UNSEEN}"),
    ("one_zone_down", "impatient-probe", "", 4, "predicted reached (policy.default), measured timed-out (zone.down)"),
    ("policy_before_initialisation", "deaf-operator", "", 4, f"Initialise: {UNSEEN}"),
    ("policy_not_enforced_after_delete", "enforce-deleted", "", 5, f"DeleteInstance: {UNSEEN}"),
    ("policy_not_enforced_after_delete", "drop-policy", "", 9, f"RestoreInstance: {UNSEEN}"),
    ("private_is_not_reachable_from_the_internet", "leak-to-internet", "", 1, LEAKED),
    ("private_only_lockout", "ignore-policy", "", 3, OPENED),
    ("provisioned_private_only", "drop-policy", "", 1, f"Provision: {UNSEEN}"),
    ("provisioned_public_and_private", "ignore-policy", "", 8, OPENED),
    ("public_and_private_is_default", "close-listener", "kms/public/keys", 1, "measured refused"),
    ("route_lost_after_reboot", "keep-routes", "", 3, "its table has 166.9.0.0/16 via 10.65.0.65 dev eth0"),
    (
        "service_endpoints_not_enabled", "drop-unreachable-default", "acme", 1,
        "predicted timed-out (edge.no-service-endpoint), measured reached (policy.default)",
    ),
    ("test_machine", "deaf-hosts", "", 2, "the route does not show"),
    ("token_still_public", "close-listener", "iam/private", 9, "predicted reached (door.served), measured refused"),
    ("vrf_is_one_way", "frozen-edge", "", 3, f"EnableVrf: {UNSEEN}"),
    ("vrf_not_enabled", "frozen-edge", "", 3, f"EnableVrf: {UNSEEN}"),
    ("wrong_device", "leak-to-internet", "", 2, LEAKED),
    ("wrong_gateway", "deaf-hosts", "", 1, "predicted conflict (host.route-refused), measured done"),
    (
        "wrong_gateway", "answering-neighbour", "a1-1,10.65.0.126/26", 5,
        "predicted rejected (host.no-neighbour), measured reached (policy.default)",
    ),
]  # fmt: skip


def wrong(report: Report) -> dict[int, str]:
    """Return the reason of each step on which the voices differ, by number."""
    assert not report.agreed
    return {number: said.why for number, said in enumerate(report.steps, 1) if said.why}


@pytest.mark.parametrize("name,fault,target,step,why", CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_a_broken_lab_turns_a_scenario_red(name: str, fault: str, target: str, step: int, why: str) -> None:
    """The step that rests on what is broken says what was seen instead."""
    assert play(catalogue.load_scenario(name), Mode.MEMORY).agreed, "nothing is wrong with the scenario"
    assert why in wrong(play(catalogue.load_scenario(name), Mode.LIVE, backend=broken(fault, target)))[step]


def test_every_shipped_scenario_is_broken_here() -> None:
    """A scenario that nobody has seen fail may be one that cannot."""
    assert {case[0] for case in CASES} == {entry.name for entry in catalogue.scenarios()}


def test_a_vrf_that_comes_undone_turns_its_scenario_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world where a reboot takes the account's VRF away, the step after that is not what its author states."""

    def undone(world: World, action: Action) -> World:
        if isinstance(action, Reboot):
            account = world.account(world.host(action.host).account)
            return world.with_account(replace(account, vrf=False, service_endpoints=False))
        return apply(world, action)

    monkeypatch.setattr(runner, "apply", undone)
    report = play(catalogue.load_scenario("vrf_is_one_way"), Mode.MODEL)
    assert wrong(report)[12] == "stated reached, predicted timed-out (edge.no-vrf)"
