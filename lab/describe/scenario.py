"""Scenarios: steps over a topology's world, each with the outcome that its author states."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TypeAlias

from lab.describe.topology import Topology, TopologyRef
from lab.errors import expect
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

    def __post_init__(self) -> None:
        """Take nothing that would be found out only when the step is played."""
        expect("Step", self.text, str, "first a sentence")
        where = f"Step({self.text!r})"
        expect(
            where, self.deed, (Call, *typing.get_args(Action)), 'a call or a change, such as EnableVrf(account="acme")'
        )
        expect(where, self.stated, (Outcome, Expectation), "an outcome, such as Outcome.REACHED")

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

    def __post_init__(self) -> None:
        """Take steps and a topology, and nothing that only looks like them."""
        right = 'topology("single_account"), or an object of your class'
        expect("Scenario/topology", self.topology, (Topology, TopologyRef), right)
        expect("Scenario/steps", self.steps, (tuple, list), "steps=(Step(...), ), with the comma")
        for number, step in enumerate(self.steps):
            expect(f"Scenario/steps[{number}]", step, Step, "a Step(...)")
        object.__setattr__(self, "steps", tuple(self.steps))
