"""The check-up: preflight's checks, one line each, with the fix under what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from lab.live.preflight import Check
from lab.report.screen import glyph, judge


def show(console: Console, checks: Iterable[Check]) -> None:
    """Draw ``checks`` on ``console`` in their order."""
    for check in checks:
        mark = judge(agreed=check.ok, vacuous=False)
        console.print(Text.assemble(glyph(console, mark), " ", (check.name, "bold"), f"  {check.detail}"))
        if not check.ok:
            console.print(Text.assemble(("    fix: ", "cyan"), check.fix), soft_wrap=True)
