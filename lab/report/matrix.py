"""The matrix on a screen: what the oracle predicts beside what the lab measured, a row for each call."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.play.matrix import Matrix
from lab.play.runner import Mode
from lab.report.screen import AGREED, glyph, judge, labelled, outcome


def show(console: Console, matrix: Matrix) -> None:
    """Draw ``matrix`` as a table, then one line for each cell that is not agreed, then the count."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("", "from", "to", "predicted", "measured", "cause"):
        table.add_column(heading, no_wrap=heading != "cause")
    before = ""
    for cell in matrix.cells:
        call, said = cell.call, cell.said
        by, before = ("" if call.by == before else call.by), call.by
        table.add_row(
            glyph(console, judge(agreed=said.agreed, vacuous=said.vacuous)),
            by,
            f"{call.surface.value}/{call.plane.value} of {call.instance}",
            outcome(console, said.predicted.outcome),
            outcome(console, said.measured),
            said.cause,
        )
    console.print(table)
    for cell in matrix.cells:
        mark = judge(agreed=cell.said.agreed, vacuous=cell.said.vacuous)
        if mark is not AGREED:
            label = Text.assemble(glyph(console, mark), f" {cell.said.text}: ")
            labelled(console, label, Text(cell.said.why, style=mark.style))
    good = sum(cell.said.agreed for cell in matrix.cells)
    network = f", VRF by {matrix.vrf_backend}" if matrix.mode is Mode.LIVE else "; nothing was measured"
    console.print()
    console.print(f"{matrix.topology}: {good} of {len(matrix.cells)} agreed{network}")
