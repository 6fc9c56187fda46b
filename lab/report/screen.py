"""The screen: one console for people, and the marks and colours that reports share.

Colour never carries a meaning alone: each mark has a glyph, and glyphs have plain letters for terminals without
Unicode. Output to a file or a pipe is the same text without colour.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text

from lab.model.outcome import Denial, Outcome, Traffic

PIPE_WIDTH = 10_000
"""Columns where no window bounds them: in a file or a pipe one fact is one line."""
NARROWEST = 30
"""Columns that a text keeps beside its label, however small the window."""
SILENT = "–"
"""What a voice prints that had nothing to say: without a network nothing is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A judgement as it is drawn: ``glyph`` with Unicode, ``plain`` without, and a colour beside it."""

    glyph: str
    plain: str
    style: str
    word: str


AGREED = Mark(glyph="✔", plain="ok", style="green", word="agreed")
DIVERGED = Mark(glyph="✘", plain="XX", style="bold red", word="diverged")
VACUOUS = Mark(glyph="?", plain="??", style="yellow", word="vacuous")


class Screen(Console):
    """A console that leaves it to ``lab.cli.status`` what the end of its reader means."""

    def on_broken_pipe(self) -> None:
        """Raise it; rich's own way would end the process with a status that means something else here."""
        raise BrokenPipeError


def screen(file: TextIO | None = None) -> Console:
    """Return a console for ``file`` (standard output by default).

    ``NO_COLOR`` and pipes switch colour off. Nothing is guessed from the text: numbers and paths are not coloured.
    """
    out = sys.stdout if file is None else file
    width = None if out.isatty() else PIPE_WIDTH
    return Screen(file=out, highlight=False, emoji=False, markup=False, width=width)


def page() -> Console:
    """Return a console for what stands in a file: no colour, and every glyph."""
    return screen(io.StringIO())


def judge(*, agreed: bool, vacuous: bool) -> Mark:
    """Return the mark of a comparison; what is not proved is vacuous, whatever else it is."""
    if vacuous:
        return VACUOUS
    return AGREED if agreed else DIVERGED


def glyph(console: Console, mark: Mark) -> Text:
    """Return the mark as drawn on ``console``."""
    return Text(mark.plain if plain(console) else mark.glyph, style=mark.style)


def plain(console: Console) -> bool:
    """Return whether ``console`` shows letters only: its encoding has no room for glyphs."""
    return not console.encoding.lower().startswith("utf")


def dash(console: Console) -> str:
    """Return what a silent voice prints on ``console``."""
    return "-" if plain(console) else SILENT


def outcome(console: Console, value: Outcome | Denial | Traffic | None) -> Text:
    """Return an outcome by name: green when the call got through, yellow when not; a denial is no failure."""
    if value is None:
        return Text(dash(console), style="dim")
    through = value in {Outcome.REACHED, Outcome.DONE, Traffic.PRIVATE}
    return Text(value.value, style="green" if through else "yellow")


def labelled(console: Console, label: Text, body: Text, *, wrap: bool = True) -> None:
    """Print ``body`` beside ``label``, wrapped under itself; without ``wrap`` on one line, to be copied."""
    if not wrap:
        console.print(Text.assemble(label, body), soft_wrap=True)
        return
    for line in body.wrap(console, max(NARROWEST, console.width - len(label))):
        line.rstrip()
        console.print(Text.assemble(label, line), soft_wrap=True)
        label = Text(" " * len(label))
