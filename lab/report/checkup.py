"""The check-up: preflight's checks, one line each, with the fix under what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from lab.live.preflight import Check
from lab.report.screen import glyph, judge, labelled


def show(console: Console, checks: Iterable[Check]) -> None:
    """Draw ``checks`` on ``console`` in their order."""
    found = list(checks)
    width = max((len(check.name) for check in found), default=0)
    for check in found:
        mark = judge(agreed=check.ok, vacuous=False)
        label = Text.assemble(glyph(console, mark), " ", (f"{check.name:{width}}", "bold"), "  ")
        labelled(console, label, Text(check.detail))
        if not check.ok:
            labelled(console, Text(f"{'':{width}}  fix: ", style="cyan"), Text(check.fix), wrap=False)
