"""Scenarios: steps over a topology's world, each with the outcome that its author states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lab.describe.inclusion import TopologyRef
from lab.describe.topology import Topology
from lab.model.action import Action
from lab.model.call import Call
from lab.model.outcome import Expectation, Outcome

Deed: TypeAlias = Call | Action
"""What a step does: a call (policy changes included), or a change by the operator or in a host's kernel."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it says to people, what is done, what its author states will be seen."""

    text: str
    deed: Deed
    stated: Outcome | Expectation

    @property
    def expectation(self) -> Expectation:
        """The stated outcome, with the stated cause if there is one."""
        return self.stated if isinstance(self.stated, Expectation) else Expectation(outcome=self.stated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Steps over a topology. ``name`` and ``story`` are filled in by the catalogue: file name and module docstring."""

    topology: Topology | TopologyRef
    steps: tuple[Step, ...]
    name: str = ""
    story: str = ""
