"""What withdraws a verdict: a success that arrived at no door of its plane, a log line that contradicts."""

from __future__ import annotations

import pytest

from lab import Call, Outcome
from lab.measure.inquiry import corroborated, elsewhere
from lab.model.outcome import Evidence, Measurement

PROVED = Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only")


def logged(rule: str) -> tuple[Evidence, ...]:
    """Return the evidence of a log line that names ``rule``."""
    return (Evidence(kind="service-log", where="api", detail=f'{{"decision":"deny","rule":"{rule}"}}'),)


def arrived(mark: str) -> tuple[Evidence, ...]:
    """Return the evidence of a connection that arrived beside a door."""
    return (Evidence(kind="arrived", where="services", detail=f"{mark}: 10.0.0.2:1 > 166.9.12.20:9042 tcp"),)


def test_a_log_line_that_names_another_rule_withdraws_the_cause() -> None:
    """Control pairs prove, the log corroborates; where they contradict, nothing is proved."""
    assert corroborated(PROVED, logged("policy.private-only")) == PROVED
    doubted = corroborated(PROVED, logged("door.other-account"))
    assert doubted.cause == ""
    assert "the service's log does not" in doubted.vacuous


def test_without_a_log_line_the_control_pairs_stand() -> None:
    """The service need not speak for a cause to be proved."""
    assert corroborated(PROVED, ()) == PROVED


@pytest.mark.parametrize(
    "evidence,sound",
    [(arrived("door.private"), True), (arrived("door.public"), False), ((), False)],
    ids=["its-own-door", "the-other-door", "no-door"],
)
def test_a_success_must_have_arrived_at_a_door_of_its_plane(evidence: tuple[Evidence, ...], sound: bool) -> None:
    """An answer from elsewhere is no success of this endpoint."""
    assert (elsewhere(Call.private("vsi-1", "keys"), evidence) == "") is sound
