"""Checks can fail: a part of a running lab is broken, and the run says so for the right reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import (
    Call,
    EnableServiceEndpoints,
    EnableVrf,
    Netlink,
    Outcome,
    Plane,
    Policy,
    SetPolicy,
    Step,
    catalogue,
)
from lab.errors import LiveError, ProbeFailed
from lab.live.client import LiveLab
from lab.model.plane import Surface
from lab.model.routes import HostRoute
from lab.model.world import Instance
from lab.oracle import door
from lab.play.runner import Mode, play
from tests.live.ending import end_cloud
from tests.sabotage.faults import REACHED, VSI, broken, scenario, why

pytestmark = pytest.mark.live

LAPTOP, EP11_LAPTOP = Call.public("laptop", "keys"), Call.ep11_public("laptop", "keys")
UI, NOT_IN_THE_UI = Call.console("laptop", "keys"), Outcome.UNAUTHORIZED.because("policy.not-in-the-ui")
UNPLANNED = "the lab is not as planned:"


def test_a_lost_account_route_turns_a_reached_step_red() -> None:
    """Without the edge's account route the private call is lost, and the run says where."""
    report = play(scenario(Step("call", VSI, REACHED)), Mode.LIVE, backend=broken("drop-account-route", "acme"))
    outcome, unplanned = why(report).split("; ")
    assert outcome == "predicted reached (policy.default), measured rejected (edge.unroutable)"
    assert unplanned == f"{UNPLANNED} backbone: missing route 166.8.0.0/14 via 166.8.0.2 dev services table 1001"
    assert any("EHOSTUNREACH" in seen.detail for seen in report.steps[0].evidence)


def test_a_table_without_its_end_is_noticed() -> None:
    """Without ``unreachable default`` an account without service endpoints falls through to the main table."""
    lost = Step("call", VSI, Outcome.TIMED_OUT.because("edge.no-service-endpoint"))
    told = scenario(lost, vrf=True, service_endpoints=False)
    assert play(told, Mode.LIVE).agreed, "sound, the same scenario agrees"
    report = play(told, Mode.LIVE, backend=broken("drop-unreachable-default", "acme"))
    outcome, unplanned = why(report).split("; ")
    assert outcome == "predicted timed-out (edge.no-service-endpoint), measured reached (policy.default)"
    assert unplanned == f"{UNPLANNED} backbone: missing route default dev nowhere table 1001"


def test_a_service_that_forgets_its_policy_is_noticed() -> None:
    """With the policy check off the laptop is served where it must be refused."""
    report = play(catalogue.load_scenario("private_only_lockout"), Mode.LIVE, backend=broken("ignore-policy"))
    assert "predicted unauthorized (policy.private-only), measured reached" in why(report)


def test_a_door_that_answers_nobody_makes_a_denial_vacuous() -> None:
    """A packet that is lost on the way to a door where nobody listens proves nothing about the way."""
    lost = Step("call", VSI, Outcome.TIMED_OUT.because("internet.no-private-service"))
    told = scenario(lost, private_route=False)
    report = play(told, Mode.LIVE, backend=broken("close-listener", "kms/private/keys"))
    assert why(report).startswith("vacuous: the door answers nobody")
    assert report.steps[0].vacuous


def test_a_service_that_forgets_its_policy_on_one_surface_is_noticed() -> None:
    """GREP11 serves the laptop where key management refuses it: the page says that both follow."""
    told = catalogue.load_scenario("both_apis_follow_the_policy")
    report = play(told, Mode.LIVE, backend=broken("ignore-policy", "ep11"))
    wrong = {step.text: step.why for step in report.steps if step.why}
    assert next(iter(wrong)) == "GREP11 refuses it as well"
    assert "predicted unauthorized (policy.both-apis), measured reached" in wrong["GREP11 refuses it as well"]
    assert "key management refuses the laptop" not in wrong


def test_a_console_that_goes_by_the_private_door_is_noticed() -> None:
    """The instance admits it, and the UI shows keys that it must not."""
    told = scenario(Step("call", UI, NOT_IN_THE_UI), policy=Policy.PRIVATE_ONLY)
    assert play(told, Mode.LIVE).agreed, "sound, the same scenario agrees"
    report = play(told, Mode.LIVE, backend=broken("console-inside"))
    assert "predicted unauthorized (policy.not-in-the-ui), measured reached" in why(report)


def test_a_service_that_forgets_its_policy_for_the_console_alone_is_noticed() -> None:
    """The UI is served, where the same user's API call at the same door is refused."""
    refused = Outcome.UNAUTHORIZED.because("policy.private-only")
    told = scenario(Step("API", LAPTOP, refused), Step("UI", UI, NOT_IN_THE_UI), policy=Policy.PRIVATE_ONLY)
    report = play(told, Mode.LIVE, backend=broken("ignore-policy", "console"))
    assert [bool(step.why) for step in report.steps] == [False, True]
    assert "predicted unauthorized (policy.not-in-the-ui), measured reached" in report.steps[1].why


def test_a_refusal_in_the_ui_at_a_dead_private_door_is_vacuous() -> None:
    """Without key management's own private door nobody knows whether the token would have been served."""
    told = scenario(Step("call", UI, Outcome.UNAUTHORIZED), policy=Policy.PRIVATE_ONLY)
    report = play(told, Mode.LIVE, backend=broken("close-listener", "kms/private/keys"))
    assert why(report) == "vacuous: the control pairs do not tell policy, role and request apart"


def test_a_policy_refusal_of_grep11_at_a_dead_private_door_is_vacuous() -> None:
    """The control pairs are asked on the surface that refused."""
    told = scenario(Step("call", EP11_LAPTOP, Outcome.UNAUTHORIZED), policy=Policy.PRIVATE_ONLY)
    report = play(told, Mode.LIVE, backend=broken("close-listener", "ep11/private/keys"))
    assert why(report) == "vacuous: the control pairs do not tell policy, role and request apart"


def test_a_grep11_door_that_nobody_opened_makes_a_loss_vacuous() -> None:
    """A call that dies on its way proves nothing where its own door answers nobody, whatever key management does."""
    told = scenario(Step("call", Call.ep11_private("vsi-1", "keys"), Outcome.TIMED_OUT), vrf=False)
    report = play(told, Mode.LIVE, backend=broken("close-listener", "ep11/private/keys"))
    assert why(report).startswith("vacuous: the door answers nobody")


def test_a_closed_door_turns_a_reached_step_red() -> None:
    """A call that should be served is refused when the listener is gone, and that is no verdict of the policy."""
    report = play(scenario(Step("call", VSI, REACHED)), Mode.LIVE, backend=broken("close-listener", "kms/private/keys"))
    assert "measured refused" in why(report)


def test_a_policy_refusal_at_a_dead_private_door_is_vacuous() -> None:
    """When the private door is gone, its half of the control pair fails: the refusal's cause is unproven."""
    told = scenario(Step("call", LAPTOP, Outcome.UNAUTHORIZED), policy=Policy.PRIVATE_ONLY)
    report = play(told, Mode.LIVE, backend=broken("close-listener", "kms/private/keys"))
    assert why(report) == "vacuous: the control pairs do not tell policy, role and request apart"


def test_a_denial_after_the_services_ended_is_an_error_and_no_verdict() -> None:
    """The packet dies on its way as stated, but nobody could have been reached: that is the lab's end, not a denial."""
    told = catalogue.load_topology("single_account", private_route=False)
    with LiveLab(told) as lab:
        assert lab.ask(VSI).outcome is Outcome.TIMED_OUT, "sound, it is a denial"
        end_cloud(lab.host("laptop"))
        with pytest.raises(LiveError, match="the cloud process ended, so its doors refuse everybody"):
            lab.ask(VSI)


def test_a_probe_that_cannot_be_made_is_an_error_and_no_verdict() -> None:
    """A denial is stated, and no socket can be made: that is an error, never "blocked"."""
    lost = Step("call", VSI, Outcome.TIMED_OUT)
    with pytest.raises(ProbeFailed, match=r"step 1.*no socket in witness-private: .*sabotaged"):
        play(scenario(lost, private_route=False), Mode.LIVE, backend=broken("blind-probe"))


def test_a_leak_of_the_service_network_to_the_internet_is_noticed() -> None:
    """When the internet carries 166.9.0.0/16, the VSI without the route gets through from the public side."""
    lost = Step("call", VSI, Outcome.TIMED_OUT.because("internet.no-private-service"))
    report = play(scenario(lost, private_route=False), Mode.LIVE, backend=broken("leak-to-internet"))
    outcome, unplanned = why(report).split("; ")
    assert outcome == "predicted timed-out (internet.no-private-service), measured reached (policy.default)"
    assert unplanned.startswith(f"{UNPLANNED} internet: ")


HOST = Netlink("vsi-1")
PRIVATE_ROUTE = "166.9.0.0/16 via 10.65.0.65 dev eth0"


@pytest.mark.parametrize(
    "route,missing,has",
    [
        pytest.param(
            HOST.route("add", dst="166.9.0.0/16", gateway="10.65.0.65"), True, "no route to 166.9.0.0/16", id="add"
        ),
        pytest.param(HOST.route("add", dst="166.9.0.0/16", oif="eth0"), True, "no route to 166.9.0.0/16", id="add-oif"),
        pytest.param(HOST.route("del", dst="166.9.0.0/16"), False, PRIVATE_ROUTE, id="del"),
        pytest.param(
            HOST.route("replace", dst="166.9.0.0/16", gateway="198.18.0.9"),
            False,
            PRIVATE_ROUTE,
            id="replace",
        ),
    ],
)
def test_a_route_that_was_acknowledged_and_not_made_is_noticed(route: HostRoute, missing: bool, has: str) -> None:
    """The change is read back from the host's kernel; an acknowledgement alone is no measurement."""
    told = scenario(Step("route", route, Outcome.DONE), private_route=not missing)
    assert play(told, Mode.LIVE).agreed, "sound, the same change shows"
    report = play(told, Mode.LIVE, backend=broken("deaf-hosts"))
    assert why(report) == f"vacuous: the route does not show: its table has {has}"


@pytest.mark.parametrize(
    "action,before",
    [
        pytest.param(EnableVrf(account="acme"), {"vrf": False}, id="vrf"),
        pytest.param(EnableServiceEndpoints(account="acme"), {"service_endpoints": False}, id="service-endpoints"),
    ],
)
def test_a_switch_that_was_acknowledged_and_not_turned_is_noticed(
    action: EnableVrf | EnableServiceEndpoints, before: dict[str, object]
) -> None:
    """The account's table is looked for in the backbone's kernel, port by port."""
    report = play(scenario(Step("switch", action, Outcome.DONE), **before), Mode.LIVE, backend=broken("frozen-edge"))
    assert why(report) == f"vacuous: {type(action).__name__}: reading it back showed nothing of it"


def test_a_name_that_leads_to_another_door_fails_in_tls() -> None:
    """Certificates hold exactly their endpoint's names, and the probe checks them: another door is no success."""
    told = scenario(Step("call", Call.public("vsi-1", "keys"), REACHED))
    report = play(told, Mode.LIVE, backend=broken("confuse-names"))
    outcome, led = why(report).split("; ", 1)
    assert outcome == "predicted reached (policy.default), measured tls-failed"
    assert led.startswith("api.us-south.hs-crypto.cloud.ibm.com led to 166.9.12.20, ")


def test_a_filter_that_reports_a_drop_and_lets_pass_is_noticed() -> None:
    """A report is a claim: the client's own socket sees the connection stand, and that wins."""
    lost = Step("call", VSI, Outcome.TIMED_OUT.because("internet.no-private-service"))
    report = play(scenario(lost, private_route=False), Mode.LIVE, backend=broken("lying-filter"))
    outcome, unplanned = why(report).split("; ")
    assert outcome == "predicted timed-out (internet.no-private-service), measured reached (policy.default)"
    assert unplanned.startswith(f"{UNPLANNED} internet: ")


def test_an_oracle_that_ignores_the_policy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measured voice contradicts an oracle that forgot the policy, whatever the author states."""
    sound = door.admit

    def forgetful(instance: Instance, plane: Plane, surface: Surface) -> door.Decision:
        return sound(replace(instance, policy=None), plane, surface)

    monkeypatch.setattr(door, "admit", forgetful)
    steps = (Step("lock", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), REACHED), Step("call", LAPTOP, REACHED))
    report = play(scenario(*steps), Mode.LIVE)
    assert (
        why(report, alone="measurement")
        == "predicted reached (policy.default), measured unauthorized (policy.private-only)"
    )


@pytest.mark.parametrize("mode", [Mode.MODEL, Mode.MEMORY, Mode.LIVE], ids=lambda mode: mode.value)
def test_a_wrongly_stated_outcome_is_noticed(mode: Mode) -> None:
    """The author says that the laptop is refused; nobody else does."""
    report = play(scenario(Step("call", LAPTOP, Outcome.UNAUTHORIZED)), mode)
    alone = "" if mode is Mode.MODEL else "author"  # of two voices neither stands alone
    assert why(report, alone=alone) == "stated unauthorized, predicted reached (policy.default)"


def test_a_wrongly_stated_cause_is_noticed() -> None:
    """The outcome is right, the reason is not: that is no agreement."""
    stated = Outcome.TIMED_OUT.because("edge.no-vrf")
    report = play(scenario(Step("call", VSI, stated), private_route=False), Mode.LIVE)
    assert (
        why(report, alone="author")
        == "stated timed-out because edge.no-vrf, predicted because internet.no-private-service"
    )


def test_a_failed_change_ends_the_run() -> None:
    """What follows a change that did not happen would mean nothing, so it is not run and the run is red."""
    told = scenario(Step("VRF", EnableVrf(account="acme"), Outcome.CONFLICT), Step("call", LAPTOP, REACHED), vrf=False)
    report = play(told, Mode.LIVE)
    assert len(report.steps) == 1
    assert not report.agreed
