"""What is known of a step, as lines for people: the rule behind it, the ways of its packets, and its evidence.

A service's log line is shortened to what decided; all else is as it was observed. Programs get the whole line
(``json``); nothing is interpreted here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.text import Text

from lab.model.outcome import Evidence, Outcome, Traffic
from lab.play.runner import StepReport
from lab.report.citation import cite
from lab.report.way import is_call, measured_way, predicted_way

_LOGS: Final = ("service-log", "memory-log")


def everything(console: Console, step: StepReport) -> Iterator[tuple[str, Text]]:
    """Yield (kind, what) for all that is known of a step, as ``console`` can show it."""
    if because(step):
        yield "because", Text(cite(step.cause))
    yield from _ways(console, step)
    yield from ((kind, Text(seen)) for kind, seen in lines(step.evidence))


def because(step: StepReport) -> bool:
    """Say whether a step's cause is worth telling: that the operator did it says the step already."""
    return bool(step.cause) and told_of(step) is not Outcome.DONE


def told_of(step: StepReport) -> Outcome | Traffic | None:
    """Return what the other voices are held against: the prediction, else the measurement."""
    return step.measured if step.predicted is None else step.predicted.outcome


def _ways(console: Console, step: StepReport) -> Iterator[tuple[str, Text]]:
    """Yield where the packets were seen; the predicted way as well, where that may be another or ends early."""
    if step.way:
        yield "way", measured_way(console, step, "" if step.measured is None else step.measured.value)
    told = step.predicted
    if told is None or not is_call(step) or (told.outcome is Outcome.REACHED and step.agreed):
        return
    yield "predicted way", predicted_way(console, told, told.hops[-1].fact if told.hops else "")


def lines(found: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    """Yield (kind, where and what) for each observation; of like ones in a row the first, and how many more."""
    for (kind, where), group in groupby(found, key=lambda evidence: (evidence.kind, evidence.where)):
        first, *more = group
        detail = _log(first.detail) if kind in _LOGS else first.detail
        yield kind, f"{where}: {detail}" + (f"; and {len(more)} more" if more else "")


def _log(text: str) -> str:
    """Return a log line as ``deny 401 by policy.private-only: GET /api/v2/keys of iam-... from 203.0.113.10:40000``."""
    try:
        entry = json.loads(text)
        return (
            f"{entry['decision']} {entry['status']} by {entry['rule']}: {entry['method']} {entry['path']} "
            f"of {entry['subject'] or 'nobody'} from {entry['caller']}:{entry['caller_port']}"
        )
    except (ValueError, KeyError, TypeError):  # another service's form: shown as it is
        return text
