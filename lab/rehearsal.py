"""Rehearsing a scenario as a test does: by name or value, and with an exception where the voices differ.

The judging is the runner's; this says in one text what a person would look for in its report.
"""

from __future__ import annotations

from lab.catalogue import load_scenario
from lab.describe.scenario import Scenario
from lab.errors import Divergence, Vacuous
from lab.play.runner import Mode, Report, play


def rehearse(scenario: Scenario | str, mode: Mode = Mode.LIVE) -> Report:
    """Play ``scenario`` (itself, or its name or path) and return what the voices said, if they agree.

    Raises:
        Divergence: The voices differ; each such step with what is wrong.
        Vacuous: Where they differ, what was measured proves nothing.
        ModelError: No such scenario, or it says something that cannot be.
        LiveError: The lab broke; no verdict.
        EnvironmentProblem: This machine cannot run a lab.
    """
    report = play(load_scenario(scenario) if isinstance(scenario, str) else scenario, mode)
    if not report.agreed:
        vacuous = all(step.agreed or step.vacuous for step in report.steps)
        raise (Vacuous if vacuous else Divergence)("\n".join(_what_differs(report)))
    return report


def _what_differs(report: Report) -> list[str]:
    name = report.scenario or "scenario"
    lines = [f"{name}/step {n} ({step.text}): {step.why}" for n, step in enumerate(report.steps, 1) if not step.agreed]
    if left := report.total - len(report.steps):
        steps = f"{left} further {'steps were' if left > 1 else 'step was'} not run"
        lines.append(f"{name}: {steps}: after a failed change they mean nothing")
    return lines
