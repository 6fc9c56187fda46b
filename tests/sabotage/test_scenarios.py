"""Every shipped scenario can fail: with one part of the lab broken it is red, at the step that rests on that part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import Reboot, catalogue
from lab.errors import ProbeFailed
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
    ("endpoints_are_discovered", "close-listener", "broker/public/us-south", 1, "measured refused"),
    (
        "endpoints_are_discovered", "close-listener", "ep11/private/keys", 1,
        "vacuous: the document tells ep11.private.us-south.hs-crypto.cloud.ibm.com:9043, which answers nobody",
    ),
    ("first_private_call", "frozen-edge", "", 1, f"EnableVrf: {UNSEEN}"),
    ("locked_out_by_everyone", "ignore-policy", "", 2, OPENED),
    ("missing_private_route", "leak-to-internet", "", 1, LEAKED),
    ("narrow_route", "deaf-hosts", "", 1, "the route does not show: its table has no route to 166.9.1.0/24"),
    ("new_and_existing_instances", "frozen-edge", "", 2, f"EnableServiceEndpoints: {UNSEEN}"),
    ("one_zone_down", "frozen-edge", "", 2, f"TakeZoneDown: {UNSEEN}"),
    ("one_zone_down", "impatient-probe", "", 4, "predicted reached (policy.default), measured timed-out; nobody"),
    (
        "overlapping_accounts", "one-zone", "", 2,
        "tcp on from 166.11.0.2, the address of globex at the services",
    ),
    ("policy_before_initialisation", "deaf-operator", "", 4, f"Initialise: {UNSEEN}"),
    ("policy_not_enforced_after_delete", "enforce-deleted", "", 8, f"DeleteInstance: {UNSEEN}"),
    ("policy_not_enforced_after_delete", "drop-policy", "", 12, f"RestoreInstance: {UNSEEN}"),
    ("private_is_not_reachable_from_the_internet", "leak-to-internet", "", 1, LEAKED),
    ("private_only_lockout", "ignore-policy", "", 3, OPENED),
    ("provisioned_private_only", "drop-policy", "", 1, f"Provision: {UNSEEN}"),
    (
        "provisioned_private_only", "ignore-policy", "tke", 6,
        "predicted not-listed (tke.left-out), measured reached (tke.served)",
    ),
    ("provisioned_public_and_private", "ignore-policy", "kms", 10, OPENED),
    ("public_and_private_is_default", "close-listener", "kms/public/keys", 1, "measured refused"),
    ("route_lost_after_reboot", "keep-routes", "", 3, "its table has 166.9.0.0/16 via 10.65.0.65 dev eth0"),
    (
        "service_endpoints_not_enabled", "drop-unreachable-default", "acme", 1,
        "predicted timed-out (edge.no-service-endpoint), measured reached (policy.default)",
    ),
    ("test_machine", "deaf-hosts", "", 2, "the route does not show"),
    ("token_still_public", "close-listener", "iam/private", 9, "predicted reached (door.served), measured refused"),
    (
        "ui_is_a_public_client", "console-inside", "", 1,
        "vacuous: the log of the console's own request says plane private, and not public",
    ),
    (
        "ui_is_a_public_client", "ignore-policy", "console", 5,
        "predicted unauthorized (policy.not-in-the-ui), measured reached",
    ),
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


def test_answers_that_find_a_stranger_of_equal_address_are_no_answers() -> None:
    """With the accounts' addresses at the services changed for each other, the call is lost, and that is no verdict."""
    scenario = catalogue.load_scenario("overlapping_accounts")
    with pytest.raises(ProbeFailed, match=r"step 1 .*: no answer from .*: lost in the lab"):
        play(scenario, Mode.LIVE, backend=broken("swap-sources", "acme,globex"))


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
