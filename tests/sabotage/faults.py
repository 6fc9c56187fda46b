"""What every sabotage stands on: a lab in which one thing is broken as soon as it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from lab import Call, Outcome, Scenario, Step, topology
from lab.live.client import LiveLab
from lab.model.world import World
from lab.play.runner import Report

VSI = Call.private("vsi-1", "keys")
REACHED = Outcome.REACHED


class Sabotaged(LiveLab):
    """A lab in which one thing is broken as soon as it stands."""

    def __init__(self, world: World, name: str, target: str) -> None:
        super().__init__(world)
        self._fault = (name, target)

    def __enter__(self) -> Self:
        lab = super().__enter__()
        try:
            lab.sabotage(*self._fault)
        except BaseException:
            self.lab.close()
            raise
        return lab


def broken(name: str, target: str = "") -> Callable[[World], LiveLab]:
    """Return what makes a lab with this fault."""
    return lambda world: Sabotaged(world, name, target)


def scenario(*steps: Step, **parameters: object) -> Scenario:
    """Return a scenario over ``single_account``."""
    return Scenario(name="sabotaged", topology=topology("single_account", **parameters), steps=steps)


def why(report: Report, *, alone: str = "") -> str:
    """Return what was wrong with the run; fails when nothing was, or when it is not ``alone`` that stands alone."""
    assert not report.agreed
    said = " / ".join(step.why for step in report.steps if step.why)
    tail = f"; the {alone} stands alone" if alone else ""
    assert said.endswith(tail)
    return said.removesuffix(tail)
