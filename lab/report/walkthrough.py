"""The walkthrough: a scenario as it is played, step by step, with its voices side by side and what proves them.

Drawn while it happens: each step appears when it is decided. A step on which all voices agree is one line, and for a
call a second with the way of its packets; one on which they do not is shown whole, and so is every step where all of it
is asked for. It judges nothing; marks come from the runner.
"""

from __future__ import annotations

from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from lab.describe.scenario import Scenario
from lab.model.outcome import Denial, Expectation, Outcome, Traffic
from lab.play.runner import Mode, Report, StepReport
from lab.report.citation import brief, resting
from lab.report.evidence import because, everything, told_of
from lab.report.screen import AGREED, DIVERGED, VACUOUS, glyph, judge, labelled, outcome, plain
from lab.report.way import is_call, measured_way, predicted_way

Said: TypeAlias = Outcome | Denial | Traffic
INDENT = 6
LABEL = 18
"""Columns of what a line is: the longest kind of evidence is ``listener-answered``."""
VOICE = 14
"""Columns of an outcome: the longest is ``unauthorized``."""


class Walkthrough:
    """Draws one play of a scenario: a ``step`` for each step as it is decided, the first after a head; ``closing``.

    Before the first step nothing is drawn: of a scenario that cannot be played there is nothing to tell but the error.
    """

    def __init__(self, console: Console, scenario: Scenario, mode: Mode, *, verbose: bool = False) -> None:
        """Draw on ``console``, with ``verbose`` the evidence of every step; steps are counted from one."""
        self._verbose = verbose
        self._console, self._scenario, self._mode = console, scenario, mode
        self._number = 0

    def _opening(self) -> None:
        """Draw the scenario's name and the first paragraph of its story."""
        dot = "-" if plain(self._console) else "·"
        self._console.print(Text.assemble((self._scenario.name or "scenario", "bold"), f" {dot} {self._mode.value}"))
        if story := self._scenario.story.strip().split("\n\n")[0]:
            self._console.print(Text(" ".join(story.split()), style="dim"))
        self._console.print()

    def step(self, step: StepReport) -> None:
        """Draw one decided step."""
        if not self._number:
            self._opening()
        self._number += 1
        mark = judge(agreed=step.agreed, vacuous=step.vacuous)
        label = Text.assemble((f"{self._number:3} ", "dim"), glyph(self._console, mark), " ")
        if mark is AGREED and not self._verbose:
            labelled(self._console, label, Text.assemble((f"{step.text}: ", "bold"), self._agreed(step)))
            if (way := self._shown(step)) is not None:
                labelled(self._console, Text(" " * INDENT), way)
            return
        labelled(self._console, label, Text(step.text, style="bold"))
        labelled(self._console, Text(" " * INDENT), self._voices(step))
        for kind, seen in everything(self._console, step):
            self._indented(seen, kind)
        if mark is not AGREED:
            self._indented(Text(step.why, style=mark.style), mark.word)

    def closing(self, report: Report) -> None:
        """Draw the count of steps by judgement and the assumed rules that verdicts rest on."""
        self._console.print()
        marks = [judge(agreed=step.agreed, vacuous=step.vacuous) for step in report.steps]
        worst = next((mark for mark in (DIVERGED, VACUOUS) if mark in marks), AGREED)
        counts = ", ".join(f"{marks.count(mark)} {mark.word}" for mark in (AGREED, DIVERGED, VACUOUS) if mark in marks)
        live = report.mode is Mode.LIVE
        voices, network = (
            "three voices" if live else "nothing was measured",
            f", VRF by {report.vrf_backend}" if live else "",
        )
        verdict = (counts or "no steps", worst.style)
        self._console.print(Text.assemble(glyph(self._console, worst), " ", verdict, f" ({voices}{network})"))
        if left := report.total - len(report.steps):
            steps = f"{left} further {'steps were' if left > 1 else 'step was'} not run"
            self._console.print(Text(f"{steps}: after a failed change they mean nothing"))
        if named := resting(report.steps):
            self._console.print(Text(named, style="dim"))

    def _agreed(self, step: StepReport) -> Text:
        """Return what all voices say, and why: ``stated = predicted = measured timed-out, edge.no-vrf (assumed)``."""
        voices = " = ".join(name for name, value in _spoken(step) if value is not None)
        said = Text.assemble((f"{voices} ", "dim"), outcome(self._console, told_of(step)))
        if because(step) and self._shown(step) is None:
            said.append(f", {brief(step.cause)}")
        return said

    def _shown(self, step: StepReport) -> Text | None:
        """Return the line of an agreed call's way, as measured, else as predicted; None of what is no call."""
        if step.way:
            return measured_way(self._console, step, brief(step.cause))
        if step.measured is None and step.predicted is not None and is_call(step):
            return Text.assemble(("predicted ", "dim"), predicted_way(self._console, step.predicted, brief(step.cause)))
        return None

    def _voices(self, step: StepReport) -> Text:
        """Return the three voices in columns; one that differs from the prediction (or measurement) stands out."""
        told = told_of(step)
        return Text("").join(
            self._voice(name, value, differs=told is not None and not _same(value, told))
            for name, value in _spoken(step)
        )

    def _voice(self, name: str, value: Said | None, *, differs: bool) -> Text:
        text = outcome(self._console, value)
        if value is not None and differs:
            text.stylize(DIVERGED.style)
        text.append(" " * max(1, VOICE - len(text)))
        return Text.assemble((f"{name} ", "dim"), text)

    def _indented(self, text: Text, label: str) -> None:
        labelled(self._console, Text(f"{'':{INDENT}}{label:<{LABEL}} ", style="dim"), text)


def _spoken(step: StepReport) -> tuple[tuple[str, Said | None], ...]:
    predicted = None if step.predicted is None else step.predicted.outcome
    return (("stated", step.stated.outcome), ("predicted", predicted), ("measured", step.measured))


def _same(value: Said | None, told: Outcome | Traffic) -> bool:
    return value is None or Expectation(outcome=value).met_by(told)
