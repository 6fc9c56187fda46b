"""Judging without a model, and a denial of any kind: what a test states is held against what was proved."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lab import Call, Expectation, Measurement, Outcome, Scenario, Step, topology
from lab.model.outcome import Denial, Evidence, Traffic, Verdict
from lab.play.runner import Mode, StepReport, judge
from lab.report.properties import properties
from lab.report.walkthrough import Walkthrough

LAPTOP = Call.public("laptop", "keys")
DENIED = Expectation(outcome=Denial.DENIED)
REFUSED = Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only")


def judged(stated: Outcome | Expectation, found: Measurement | None, verdict: Verdict | None = None) -> StepReport:
    """Return the report of a live step."""
    return judge(Step("asks", LAPTOP, stated), verdict, found, Mode.LIVE)


WRONG: dict[str, tuple[Outcome | Expectation, Measurement | None, str]] = {
    "nothing": (DENIED, None, "nothing was measured, and the model was not asked"),
    "served": (DENIED, Measurement(outcome=Outcome.REACHED, cause="policy.default"), "measured reached (policy.def"),
    "unproved": (DENIED, Measurement(outcome=Outcome.TIMED_OUT, vacuous="nobody passes"), "vacuous: nobody passes"),
    "for no reason": (DENIED, Measurement(outcome=Outcome.TIMED_OUT), "measured because nobody knows what"),
    "another cause": (
        Expectation(outcome=Denial.DENIED, cause="edge.no-vrf"),
        REFUSED,
        "stated denied because edge.no-vrf, measured because policy.private-only",
    ),
    "denied": (Outcome.REACHED, REFUSED, "stated reached, measured unauthorized (policy.private-only)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_without_a_model_a_step_needs_outcome_cause_and_proof(case: str) -> None:
    """Its silence makes nothing easier: what is not measured, stated otherwise or not proved is no agreement."""
    stated, found, why = WRONG[case]
    report = judged(stated, found)
    assert not report.agreed
    assert why in report.why


def test_without_a_model_two_voices_may_agree_and_the_third_is_shown_as_silent() -> None:
    """Predicted is a dash for people and "not asked" for programs, never a copy of another voice."""
    report = judged(DENIED, REFUSED)
    assert report.agreed
    page = io.StringIO()
    drawn = Walkthrough(
        Console(file=page, width=200, color_system=None),
        Scenario(topology=topology("single_account"), steps=()),
        Mode.LIVE,
        verbose=True,
    )
    drawn.step(report)
    assert "stated denied        predicted –             measured unauthorized" in page.getvalue()
    assert dict(properties(1, report))["pelab.1.predicted"] == "not asked"


def test_a_denial_of_any_kind_is_met_by_every_denial_and_no_success() -> None:
    """Stated is what the test said: denied; which denial it is, model and measurement say and must agree on."""
    assert {o for o in Outcome if not DENIED.met_by(o)} == {Outcome.REACHED, Outcome.DONE}
    refused, lost = (
        Verdict(outcome=outcome, cause=cause)
        for outcome, cause in ((Outcome.UNAUTHORIZED, "policy.private-only"), (Outcome.TIMED_OUT, "edge.no-vrf"))
    )
    assert judged(DENIED, REFUSED, refused).agreed
    assert judged(DENIED, REFUSED, lost).why == (
        "predicted timed-out (edge.no-vrf), measured unauthorized (policy.private-only)"
    )


def test_properties_name_every_voice() -> None:
    """Text, three voices, cause and verdict; why only where something is wrong."""
    report = judged(DENIED, REFUSED, Verdict(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only"))
    assert dict(properties(2, report)) == {
        "pelab.2.text": "asks",
        "pelab.2.stated": "denied",
        "pelab.2.predicted": "unauthorized",
        "pelab.2.measured": "unauthorized",
        "pelab.2.cause": "policy.private-only",
        "pelab.2.verdict": "agreed",
    }
    loud = StepReport(
        text="sends",
        stated=Expectation(outcome=Traffic.PRIVATE),
        predicted=None,
        measured=Traffic.PUBLIC,
        cause="",
        evidence=(Evidence(kind="capture", where="vsi-1:eth1", detail="1 x"),),
        agreed=False,
        vacuous=False,
        why="measured 1 that left",
    )
    assert dict(properties(1, loud))["pelab.1.verdict"] == "diverged"
    assert loud.assumed == ()
