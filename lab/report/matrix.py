"""The matrix on a screen: what the oracle predicts beside what the lab measured, a row for each call."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.play.matrix import Matrix
from lab.play.runner import Mode, StepReport
from lab.report.citation import resting, warned
from lab.report.screen import AGREED, dash, glyph, judge, labelled, outcome


def show(console: Console, matrix: Matrix) -> None:
    """Draw ``matrix`` as a table, then one line for each cell that is not agreed, then the count.

    Without a network no cell bears the mark of an agreement: it was predicted, and nothing contradicts it.
    """
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("", "from", "to", "predicted", "measured", "cause"):
        table.add_column(heading, no_wrap=heading != "cause")
    before = ""
    for cell in matrix.cells:
        call, said = cell.call, cell.said
        by, before = ("" if call.by == before else call.by), call.by
        table.add_row(
            _glyph(console, matrix, said),
            by,
            f"{call.surface.value}/{call.plane.value} of {call.instance}",
            outcome(console, None if said.predicted is None else said.predicted.outcome),
            outcome(console, said.measured),
            warned(said.cause),
        )
    console.print(table)
    for cell in matrix.cells:
        mark = judge(agreed=cell.said.agreed, vacuous=cell.said.vacuous)
        if mark is not AGREED:
            label = Text.assemble(glyph(console, mark), f" {cell.said.text}: ")
            labelled(console, label, Text(cell.said.why, style=mark.style))
    good, total = sum(cell.said.agreed for cell in matrix.cells), len(matrix.cells)
    console.print()
    if matrix.mode is Mode.LIVE:
        console.print(f"{matrix.topology}: {good} of {total} agreed, VRF by {matrix.vrf_backend}")
    else:
        diverged = f", {total - good} contradicted by the services' code" if good < total else ""
        console.print(f"{matrix.topology}: {total} predicted{diverged}; nothing was measured (--live measures)")
    if named := resting(cell.said for cell in matrix.cells):
        console.print(Text(named, style="dim"))


def _glyph(console: Console, matrix: Matrix, said: StepReport) -> Text:
    mark = judge(agreed=said.agreed, vacuous=said.vacuous)
    if mark is AGREED and matrix.mode is not Mode.LIVE:
        return Text(dash(console), style="dim")
    return glyph(console, mark)
