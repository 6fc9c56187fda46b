"""The matrix: every host's call to every endpoint, what the oracle predicts beside what the lab measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.box import ASCII2, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.model.call import Call
from lab.model.outcome import Evidence, Outcome, Verdict
from lab.model.plane import Plane
from lab.model.world import World
from lab.report.screen import AGREED, glyph, judge, outcome, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One call, predicted and, where there is a network, measured; ``why`` says what is wrong where it is not agreed."""

    call: Call
    predicted: Verdict
    measured: Outcome | None = None
    evidence: tuple[Evidence, ...] = ()
    agreed: bool = True
    vacuous: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All cells of a topology, callers in the author's order; ``vrf_backend`` is empty without a network."""

    topology: str
    mode: str
    cells: tuple[Cell, ...]
    vrf_backend: str = ""

    @property
    def agreed(self) -> bool:
        """Whether every cell agrees and none is vacuous."""
        return all(cell.agreed and not cell.vacuous for cell in self.cells)


def questions(world: World) -> Iterator[Call]:
    """Yield each host's key listing at both endpoints of each instance: private before public, as the page tells it."""
    for host in world.hosts.values():
        for instance in world.instances.values():
            yield Call(by=host.name, instance=instance.name, plane=Plane.PRIVATE)
            yield Call(by=host.name, instance=instance.name, plane=Plane.PUBLIC)


def show(console: Console, matrix: Matrix) -> None:
    """Draw ``matrix`` as a table, then one line for each cell that is not agreed, then the count."""
    table = Table(box=ASCII2 if plain(console) else SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "from", "to", "predicted", "measured", "cause"):
        table.add_column(heading, no_wrap=heading != "cause")
    before = ""
    for cell in matrix.cells:
        mark = judge(agreed=cell.agreed, vacuous=cell.vacuous)
        by, before = ("" if cell.call.by == before else cell.call.by), cell.call.by
        table.add_row(
            glyph(console, mark),
            by,
            f"{cell.call.surface.value}/{cell.call.plane.value} of {cell.call.instance}",
            outcome(console, cell.predicted.outcome),
            outcome(console, cell.measured),
            cell.predicted.cause,
        )
    console.print(table)
    for cell in matrix.cells:
        mark = judge(agreed=cell.agreed, vacuous=cell.vacuous)
        if mark is not AGREED:
            console.print(Text.assemble(glyph(console, mark), f" {cell.call}: ", (cell.why, mark.style)))
    good = sum(cell.agreed and not cell.vacuous for cell in matrix.cells)
    network = f", VRF by {matrix.vrf_backend}" if matrix.vrf_backend else "; nothing was measured"
    console.print(f"{matrix.topology}: {good} of {len(matrix.cells)} agreed{network}")
