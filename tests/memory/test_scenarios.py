"""Every shipped scenario agrees in the model and in memory; live, in all three voices, as root and as nobody."""

from __future__ import annotations

import pytest

from lab import catalogue
from lab.play.runner import Mode, play

NAMES = [entry.name for entry in catalogue.scenarios()]


def test_the_four_scenarios_are_shipped() -> None:
    """The heart of the page."""
    assert {"first_private_call", "missing_private_route", "private_only_lockout", "policy_before_initialisation"} <= {
        *NAMES
    }


@pytest.mark.parametrize("mode", [Mode.MODEL, Mode.MEMORY], ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_agrees(name: str, mode: Mode) -> None:
    """Stated and predicted agree; in memory the services' own code does, too. Nothing is claimed to be measured."""
    report = play(catalogue.load_scenario(name), mode)
    assert [step.why for step in report.steps if step.why] == []
    assert report.agreed
    assert {step.measured for step in report.steps} == {None}
