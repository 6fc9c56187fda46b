"""The walkthrough: a scenario as it is played, step by step, with its voices side by side and what proves them.

Drawn while it happens: each step appears when it is decided. A step on which all voices agree is one line; one on which
they do not is shown whole, and so is every step where all of it is asked for. It judges nothing; marks come from the
runner.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lab.describe.scenario import Scenario
from lab.model.outcome import Outcome, Verdict
from lab.play.runner import Mode, Report, StepReport
from lab.report.citation import brief, cite, resting
from lab.report.evidence import lines
from lab.report.screen import AGREED, DIVERGED, VACUOUS, glyph, judge, labelled, outcome, plain

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
            return
        labelled(self._console, label, Text(step.text, style="bold"))
        labelled(self._console, Text(" " * INDENT), self._voices(step))
        if step.predicted.outcome is not Outcome.DONE:  # that the operator did it says the step already
            self._indented(Text(cite(step.cause)), "because")
            if step.predicted.outcome is not Outcome.REACHED or mark is not AGREED:
                self._indented(self._way(step.predicted), "way")
        for kind, seen in lines(step.evidence):
            self._indented(Text(seen), kind)
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
            self._console.print(Text(f"{left} further steps were not run: after a failed change they mean nothing"))
        if named := resting(report.steps):
            self._console.print(Text(named, style="dim"))

    def _agreed(self, step: StepReport) -> Text:
        """Return what all voices say, and why: ``stated = predicted = measured timed-out, edge.no-vrf (assumed)``."""
        voices = "stated = predicted" if step.measured is None else "stated = predicted = measured"
        said = Text.assemble((f"{voices} ", "dim"), outcome(self._console, step.predicted.outcome))
        if step.predicted.outcome is not Outcome.DONE:  # that the operator did it says the step already
            said.append(f", {brief(step.cause)}")
        return said

    def _voices(self, step: StepReport) -> Text:
        """Return the three voices in columns; a voice that differs from the prediction stands out."""
        predicted = step.predicted.outcome
        said = (("stated", step.stated.outcome), ("predicted", predicted), ("measured", step.measured))
        return Text("").join(self._voice(name, value, predicted) for name, value in said)

    def _voice(self, name: str, value: Outcome | None, predicted: Outcome) -> Text:
        text = outcome(self._console, value)
        if value is not None and value is not predicted:
            text.stylize(DIVERGED.style)
        text.append(" " * max(1, VOICE - len(text)))
        return Text.assemble((f"{name} ", "dim"), text)

    def _way(self, verdict: Verdict) -> Text:
        """Return the predicted way: the places in order, and what was decided at the last."""
        places = list(dict.fromkeys(hop.place for hop in verdict.hops))
        arrow = " -> " if plain(self._console) else " → "
        return Text(f"{arrow.join(places)}: {verdict.hops[-1].fact}" if places else "")

    def _indented(self, text: Text, label: str) -> None:
        labelled(self._console, Text(f"{'':{INDENT}}{label:<{LABEL}} ", style="dim"), text)
