"""The voices of an assertion or step as names and values, for JUnit and other readers of results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # only a type: what counts results plays nothing
    from lab.play.runner import StepReport

NOT_MEASURED: Final = "not measured"
NOT_ASKED: Final = "not asked"


def properties(number: int, report: StepReport) -> Iterator[tuple[str, str]]:
    """Yield what was said of the assertion or step of this number (from 1), what is empty left out."""
    predicted, measured = report.predicted, report.measured
    verdict = "agreed" if report.agreed else "vacuous" if report.vacuous else "diverged"
    values = {
        "text": report.text,
        "stated": report.stated.outcome.value,
        "stated_cause": report.stated.cause,
        "predicted": NOT_ASKED if predicted is None else predicted.outcome.value,
        "measured": NOT_MEASURED if measured is None else measured.value,
        "cause": report.cause,
        "verdict": verdict,
        "why": report.why,
    }
    for name, value in values.items():
        if value:
            yield f"pelab.{number}.{name}", value
