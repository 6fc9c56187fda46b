"""What one command played, as values that reports for programs and pages are made of: one play for each scenario."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lab.play.runner import Report, StepReport
from lab.report.screen import AGREED, DIVERGED, VACUOUS, Mark, judge

NOT_RUN = "after a failed change it would mean nothing"
NOT_REACHED = "the lab broke before it"
THE_END = "the lab ends, and is found as it was left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One play of a scenario.

    Attributes:
        report: What the voices said; of a lab that broke the steps before that.
        texts: What each step says, those that were not run included.
        seconds: How long each step of the report took; the first one's do not count the lab's coming up.
        began: When the play began.
        error: Why the lab broke; empty if it did not.
    """

    report: Report
    texts: tuple[str, ...]
    seconds: tuple[float, ...]
    began: datetime
    error: str = ""

    @property
    def agreed(self) -> bool:
        """Whether the lab held, every step was run, and all voices agreed on it, with proof."""
        return not self.error and self.report.agreed

    @property
    def left_out(self) -> tuple[tuple[int, str], ...]:
        """The steps of which there is no report: number (from 1) and text; the first is the one that broke, if so.

        A lab that broke when all steps were run broke in a step of its own: its end.
        """
        done = len(self.report.steps)
        left = self.texts[done:] or ((THE_END,) if self.error else ())
        return tuple(enumerate(left, done + 1))

    @property
    def why_left_out(self) -> str:
        """Why later steps were not run."""
        return NOT_REACHED if self.error else NOT_RUN


def mark_of(step: StepReport) -> Mark:
    """Return the judgement of a step."""
    return judge(agreed=step.agreed, vacuous=step.vacuous)


def worst(plays: Iterable[Played]) -> Mark:
    """Return the mark that leads a report on ``plays``."""
    found = list(plays)
    marks = {mark_of(step) for played in found for step in played.report.steps}
    if DIVERGED in marks or any(played.error for played in found):
        return DIVERGED
    return VACUOUS if VACUOUS in marks else AGREED if all(played.agreed for played in found) else DIVERGED


def counts(plays: Iterable[Played]) -> str:
    """Return the steps by judgement, in words: ``7 agreed, 1 vacuous, 2 not run``."""
    found = list(plays)
    marks = [mark_of(step) for played in found for step in played.report.steps]
    told = [f"{marks.count(mark)} {mark.word}" for mark in (AGREED, DIVERGED, VACUOUS) if mark in marks]
    if left := sum(len(played.left_out) for played in found):
        told.append(f"{left} not run")
    return ", ".join(told) or "no steps"
