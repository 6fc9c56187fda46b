"""Markdown of what was played, for a pull request: a table of steps for each scenario, and a picture of the ways.

Every text is somebody's own (a step, a service's answer) and is escaped: it can neither end a cell nor start a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from lab.model.outcome import Denial, Outcome, Traffic
from lab.model.rules import BY_ID
from lab.play.runner import Mode, StepReport
from lab.report.citation import resting, section
from lab.report.evidence import everything
from lab.report.played import Played, counts, mark_of, worst
from lab.report.screen import AGREED, DIVERGED, SILENT, page
from lab.report.ways import picture

HEADINGS: Final = ("", "step", "stated", "predicted", "measured", "cause", "verdict")
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_LOOKS_LIKE: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def document(plays: Sequence[Played]) -> str:
    """Return ``plays`` as one page."""
    return "\n".join(_rows(plays)).rstrip("\n") + "\n"


def _rows(plays: Sequence[Played]) -> Iterator[str]:
    lead, several = worst(plays), len(plays) > 1
    if several:
        yield f"## {lead.glyph} pelab: {len(plays)} scenarios, {counts(plays)}"
        yield ""
    for played in plays:
        yield from _scenario(played, "###" if several else "##")


def _scenario(played: Played, level: str) -> Iterator[str]:
    report = played.report
    live = report.mode is Mode.LIVE
    how = f"live, VRF by {report.vrf_backend}" if live and report.vrf_backend else report.mode.value
    yield f"{level} {worst([played]).glyph} {escaped(report.scenario or 'scenario')}: {counts([played])}"
    yield ""
    if story := report.story.strip().split("\n\n")[0]:
        yield escaped(story)
        yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"| ---: |{' --- |' * (len(HEADINGS) - 1)}"
    for number, step in enumerate(report.steps, 1):
        yield f"| {' | '.join((str(number), *_cells(step)))} |"
    for place, (number, text) in enumerate(played.left_out):
        verdict = f"{DIVERGED.glyph} the lab broke" if played.error and not place else "not run"
        yield f"| {number} | {escaped(text)} |{' |' * 4} {verdict} |"
    yield ""
    if not live:
        yield "Nothing was measured: model and services' code alone."
        yield ""
    if played.error:
        yield f"**The lab broke**: {escaped(played.error)}"
        yield ""
    for number, step in enumerate(report.steps, 1):
        yield from _what_is_wrong(number, step)
    if drawn := picture(report):
        yield from (
            "<details><summary>Where the packets went</summary>",
            "",
            "```mermaid",
            drawn,
            "```",
            "",
            "</details>",
            "",
        )
    rests = resting(report.steps)
    yield f"<sub>{escaped(f'{how}; {rests}' if rests else how)}</sub>"
    yield ""


def _cells(step: StepReport) -> Iterator[str]:
    yield escaped(step.text)
    because = f", {escaped(step.stated.cause)}" if step.stated.cause else ""
    yield f"{_outcome(step.stated.outcome)}{because}"
    yield _outcome(None if step.predicted is None else step.predicted.outcome)
    yield _outcome(step.measured)
    # that the operator did it says the step already
    yield SILENT if step.measured is Outcome.DONE or step.cause == "operator.done" else _cause(step.cause)
    mark = mark_of(step)
    yield f"{mark.glyph} {mark.word}"


def _outcome(value: Outcome | Denial | Traffic | None) -> str:
    return SILENT if value is None else value.value


def _cause(cause: str) -> str:
    """Return a rule as a link to where the page says it, with the mark of how it is known."""
    if (rule := BY_ID.get(cause)) is None:
        return escaped(cause) or SILENT
    return f"[{escaped(rule.id)}]({section(rule)}) ({rule.mark.value})"


def _what_is_wrong(number: int, step: StepReport) -> Iterator[str]:
    """Yield why a step is not agreed, and under it everything that was seen."""
    if (mark := mark_of(step)) is AGREED:
        return
    why = escape(" ".join(step.why.split()))  # in a line of HTML a backslash is a backslash
    yield f"<details open><summary>{mark.glyph} step {number}: {why}</summary>"
    yield ""
    yield from (f"- {escaped(f'{kind}: {seen.plain}')}" for kind, seen in everything(page(), step))
    yield from ("", "</details>", "")


def escaped(text: str) -> str:
    """Return ``text`` as one line that means nothing but itself, in a cell as well."""
    line = " ".join(text.split())
    for letter, entity in _LOOKS_LIKE.items():
        line = line.replace(letter, entity)
    return _SPECIAL.sub(r"\\\1", line)
