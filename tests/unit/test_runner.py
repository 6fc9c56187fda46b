"""The runner's promises: no agreement without outcome, cause and proof; what follows a failed change is not run."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Self

import pytest

from lab import Call, EnableVrf, Netlink, Outcome, Plane, Policy, Scenario, SetPolicy, Step, catalogue, topology
from lab.errors import ModelError, ProbeFailed
from lab.model.action import Action, effect
from lab.model.call import OPERATIONS, Operation
from lab.model.outcome import Measurement
from lab.model.world import World
from lab.play.runner import Mode, Report, changes, play
from lab.report import json

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
REFUSED = Step("refused", LAPTOP, Outcome.UNAUTHORIZED)


class Told:
    """A third voice that says what it is told to say, whatever it is asked."""

    mode = "live"
    vrf_backend: str | None = "policy-tables"

    def __init__(self, *says: Measurement | None) -> None:
        """Say ``says`` in order."""
        self.says = list(says)

    def act(self, action: Action) -> Measurement:
        """Say the next thing."""
        said = self.says.pop(0)
        assert said is not None
        return said

    def ask(self, call: Call) -> Measurement | None:
        """Say the next thing."""
        return self.says.pop(0)

    def __enter__(self) -> Self:
        """Start nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop nothing."""


def locked(*steps: Step) -> Scenario:
    """Return a scenario over an account whose instance is private-only."""
    return Scenario(name="told", topology=topology("single_account", policy="private-only"), steps=steps)


def run(scenario: Scenario, *says: Measurement | None) -> Report:
    """Run ``scenario`` with a third voice that says ``says``."""
    return play(scenario, Mode.LIVE, backend=lambda _: Told(*says))


SAID = {
    "another-outcome": (Measurement(outcome=Outcome.REACHED), "measured reached"),
    "another-cause": (
        Measurement(outcome=Outcome.UNAUTHORIZED, cause="door.other-account"),
        "measured because door.other-account",
    ),
    "no-cause": (Measurement(outcome=Outcome.UNAUTHORIZED), "measured because nobody knows what"),
    "no-proof": (
        Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only", vacuous="nobody could get through"),
        "vacuous: nobody could get through",
    ),
    "nothing": (None, "nothing was measured"),
}


@pytest.mark.parametrize("case", SAID)
def test_a_denial_that_is_not_proved_is_no_agreement(case: str) -> None:
    """Right in words is not enough: outcome, cause and proof, all three, and somebody must have looked."""
    said, why = SAID[case]
    report = run(locked(REFUSED), said)
    assert not report.agreed
    assert why in report.steps[0].why
    shown = said.outcome if said is not None else None
    assert report.steps[0].measured is shown, "what is shown as measured is what was measured"
    assert json.play(report)["steps"][0]["measured"] == (shown.value if shown is not None else None)


def test_a_proved_denial_agrees() -> None:
    """Outcome and cause as predicted, and nothing withdrawn."""
    report = run(locked(REFUSED), Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only"))
    assert report.agreed
    assert report.steps[0].measured is Outcome.UNAUTHORIZED


def test_a_success_under_another_rule_is_no_agreement() -> None:
    """The rule under which a call was served is measured, not repeated."""
    served = Step("served", VSI, Outcome.REACHED)
    report = run(locked(served), Measurement(outcome=Outcome.REACHED, cause="policy.default"))
    assert report.steps[0].why == (
        "predicted reached because policy.private-endpoint-served, measured because policy.default"
    )
    assert not run(locked(served), Measurement(outcome=Outcome.REACHED)).agreed, "under no rule at all"


def test_a_success_without_proof_is_no_agreement() -> None:
    """Also a success can be withdrawn."""
    report = run(
        locked(Step("served", VSI, Outcome.REACHED)), Measurement(outcome=Outcome.REACHED, vacuous="elsewhere")
    )
    assert report.steps[0].why == "vacuous: elsewhere"
    assert report.steps[0].vacuous


def test_what_follows_a_failed_change_is_not_run() -> None:
    """The world would be another one than the oracle believes."""
    undo = Step("undo", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=VSI), Outcome.REACHED)
    after = Step("after", LAPTOP, Outcome.REACHED)
    report = run(locked(undo, after), Measurement(outcome=Outcome.TIMED_OUT), Measurement(outcome=Outcome.REACHED))
    assert [step.text for step in report.steps] == ["undo"]
    assert not report.agreed


def test_what_follows_a_failed_question_is_run() -> None:
    """A question changes nothing, so the rest still means something; the run is red all the same."""
    wrong = Measurement(outcome=Outcome.REACHED, cause="policy.private-endpoint-served")
    report = run(locked(REFUSED, Step("served", VSI, Outcome.REACHED)), wrong, wrong)
    assert [step.agreed for step in report.steps] == [False, True]
    assert not report.agreed


def test_trouble_with_the_probe_is_an_error_with_the_steps_place() -> None:
    """Never "blocked"."""

    class Broken(Told):
        """A third voice that cannot ask."""

        def ask(self, call: Call) -> Measurement | None:
            """Fail."""
            raise ProbeFailed("no socket")

    with pytest.raises(ProbeFailed, match=r"told/step 1 \(refused\): no socket"):
        play(locked(REFUSED), Mode.LIVE, backend=lambda _: Broken())


def test_a_step_that_cannot_be_is_told_with_its_place() -> None:
    """The author's mistake has the author's coordinates."""
    step = Step("VRF", EnableVrf(account="acne"), Outcome.DONE)
    with pytest.raises(ModelError, match=r"told/step 1: account: no account named 'acne'.*'acme'"):
        run(locked(step))


NO_NEIGHBOUR = Netlink("vsi-1").route("replace", dst="166.9.0.0/16", gateway="10.65.0.129")
AS_STATED = Outcome.CONFLICT.because("host.route-refused")
TAKEN = Measurement(outcome=Outcome.CONFLICT, cause="host.route-refused")


def test_a_route_that_a_kernel_refuses_is_a_slip_unless_its_author_states_it() -> None:
    """Stated as done it is told before anything is played; stated as refused it is tried, and agrees where it is."""
    with pytest.raises(ModelError, match=r"told/step 1: .*10\.65\.0\.129 is in none of the host's subnets"):
        run(locked(Step("route", NO_NEIGHBOUR, Outcome.DONE)))
    assert run(locked(Step("route", NO_NEIGHBOUR, AS_STATED)), TAKEN).agreed


def test_a_kernel_that_takes_a_route_which_should_be_refused_diverges() -> None:
    """And so does one that refuses what should be done."""
    (step,) = run(locked(Step("route", NO_NEIGHBOUR, AS_STATED)), Measurement(outcome=Outcome.DONE)).steps
    assert "predicted conflict (host.route-refused), measured done" in step.why
    right = Netlink("vsi-1").route("add", dst="172.16.0.0/12", gateway="10.65.0.65")
    (step,) = run(locked(Step("route", right, Outcome.DONE)), TAKEN).steps
    assert "predicted done (operator.done), measured conflict (host.route-refused)" in step.why


@pytest.mark.parametrize("mode", [Mode.MODEL, Mode.MEMORY])
def test_where_there_is_no_kernel_nobody_claims_to_have_asked_it(mode: Mode) -> None:
    """The refusal is stated and predicted, and that is all; the world is as before."""
    steps = (Step("route", NO_NEIGHBOUR, AS_STATED), Step("call", VSI, Outcome.REACHED))
    report = play(locked(*steps), mode)
    assert report.agreed
    assert report.steps[0].evidence == ()


def test_a_scenario_without_steps_is_no_scenario() -> None:
    """It would agree with everything."""
    with pytest.raises(ModelError, match="has no steps"):
        run(locked())


def test_the_backend_gets_the_first_world() -> None:
    """Everybody starts from the same description."""
    worlds: list[World] = []

    def made(world: World) -> Told:
        worlds.append(world)
        return Told(Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only"))

    play(locked(REFUSED), Mode.LIVE, backend=made)
    assert worlds[0].instances["keys"].policy is Policy.PRIVATE_ONLY


OUTCOMES = {
    "author": (Outcome.REACHED, Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only")),
    "model": (Outcome.REACHED, Measurement(outcome=Outcome.REACHED)),
    "measurement": (Outcome.UNAUTHORIZED, Measurement(outcome=Outcome.REACHED)),
    "two voices agree": (Outcome.REACHED, Measurement(outcome=Outcome.TIMED_OUT, cause="edge.no-vrf")),
}


@pytest.mark.parametrize("who", OUTCOMES)
def test_a_divergence_says_which_voice_stands_alone(who: str) -> None:
    """Two against one is where to look first; all that was said is told."""
    stated, said = OUTCOMES[who]
    report = run(locked(Step("asked", LAPTOP, stated)), said)
    assert not report.agreed
    assert who in report.steps[0].why
    assert "predicted unauthorized" in report.steps[0].why


def test_a_cause_can_stand_alone_too() -> None:
    """Outcomes are alike, and the author names another rule."""
    stated = Outcome.UNAUTHORIZED.because("door.other-account")
    proved = Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only")
    assert run(locked(Step("asked", LAPTOP, stated)), proved).steps[0].why.endswith("the author stands alone")


def test_memory_does_not_speak_of_the_network() -> None:
    """What the services' code logged in memory bears its own name: no packet moved."""
    report = play(locked(REFUSED), Mode.MEMORY)
    assert report.agreed
    assert report.vrf_backend is None
    assert {evidence.kind for evidence in report.steps[0].evidence} == {"memory-log"}


def test_what_changes_the_world_or_what_clients_hold_is_told_from_what_looks() -> None:
    """Every operation that has an effect is a change, and so is one that later calls need."""
    whole = catalogue.load_topology("single_account").world()
    for surface, operations in OPERATIONS.items():
        for operation in operations:
            call = Call(by="vsi-1", instance="keys", plane=Plane.PRIVATE, surface=surface, operation=operation,
                        key="k", policy=Policy.PRIVATE_ONLY)  # fmt: skip
            before = whole.with_instance(
                replace(whole.instances["keys"], initialised=operation is not Operation.INITIALISE)
            )
            assert changes(call) or effect(before, call) == before, operation
    assert changes(Call.ep11_private("vsi-1", "keys", Operation.ENCRYPT, key="k"))
    assert not changes(Call.private("vsi-1", "keys"))
