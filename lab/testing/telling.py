"""What a failed assertion tells: the test so far as ``pelab play`` shows a scenario, the failed step whole."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from lab.describe.inclusion import TopologyRef
from lab.describe.scenario import Scenario
from lab.play.runner import Mode, StepReport
from lab.report.walkthrough import Walkthrough

WIDTH = 110


def told(name: str, mode: Mode, reports: Sequence[StepReport]) -> str:
    """Return the walkthrough of a test's assertions; the last is why it is told, and the first line says that."""
    page = io.StringIO()
    console = Console(file=page, width=WIDTH, highlight=False, emoji=False, markup=False, color_system=None)
    drawn = Walkthrough(console, Scenario(topology=TopologyRef(name=""), steps=(), name=name), mode)
    for report in reports:
        drawn.step(report)
    return f"{reports[-1].text}: {reports[-1].why}\n{page.getvalue()}"
