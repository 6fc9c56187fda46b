"""The matrix of a topology: every host's call to every endpoint, played like a scenario that nobody has written.

No author states anything here: a cell agrees when what was measured is what the oracle predicts. A matrix has the
topology's world as it is, and changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab import catalogue
from lab.describe.inclusion import TopologyRef
from lab.describe.scenario import Scenario, Step
from lab.describe.topology import Topology
from lab.errors import ModelError, Problem
from lab.model.call import Call
from lab.model.world import World
from lab.oracle import predict
from lab.play.runner import Backend, Mode, StepReport, play


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One call and what the voices said of it; ``said.stated`` repeats the prediction and is nobody's word."""

    call: Call
    said: StepReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All cells of a topology, callers in the author's order; ``vrf_backend`` is None without a network."""

    topology: str
    mode: Mode
    vrf_backend: str | None
    cells: tuple[Cell, ...]

    @property
    def agreed(self) -> bool:
        """Whether every cell agrees, with proof; without a network, whether nothing contradicts the prediction."""
        return bool(self.cells) and all(cell.said.agreed for cell in self.cells)


def questions(world: World) -> Iterator[Call]:
    """Yield each host's plainest call to every door of each instance: private before public, as the page tells it."""
    for host in world.hosts.values():
        for instance in world.instances.values():
            yield Call.private(host.name, instance.name)
            yield Call.public(host.name, instance.name)
            yield Call.ep11_private(host.name, instance.name)
            yield Call.ep11_public(host.name, instance.name)


def matrix(
    described: Topology | TopologyRef,
    mode: Mode,
    *,
    world: World | None = None,
    backend: Callable[[World], AbstractContextManager[Backend]] | None = None,
    on_begin: Callable[[int, Step], None] | None = None,
) -> Matrix:
    """Return the matrix of ``described``, asked in ``mode``.

    Args:
        world: What is up, where that is no more what is described.
        backend, on_begin: As ``play`` has them.

    Raises:
        ModelError: There is nobody to ask, or nothing to ask for: it would agree with everything.
        PelabError: As ``play`` does.
    """
    world = catalogue.world_of(described) if world is None else world
    calls = tuple(questions(world))
    if not calls:
        missing, hint = (
            ("instance", 'b.crypto_instance("keys", account=...)') if world.hosts else ("host", 'b.vsi("vsi-1", ...)')
        )
        raise ModelError(Problem(where=described.name, text=f"has no {missing}, so there is no call", hint=hint))
    steps = tuple(Step(str(call), call, predict(world, call).outcome) for call in calls)
    report = play(
        Scenario(topology=described, steps=steps, name=described.name),
        mode,
        world=world,
        backend=backend,
        on_begin=on_begin,
    )
    cells = tuple(Cell(call=call, said=said) for call, said in zip(calls, report.steps, strict=True))
    return Matrix(topology=described.name, mode=mode, vrf_backend=report.vrf_backend, cells=cells)
