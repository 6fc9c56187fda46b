"""Inclusion: topologies as parts of topologies.

A part is told to the including topology's own builder, so what it adds is named, numbered and checked as if it stood
there; a prefix keeps the hosts, appliances and instances of two parts apart. Accounts keep their names: a part that has
one takes its name as a parameter, and so can stand in an account of the including topology as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from lab.describe.builder import Builder


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyRef:
    """A topology by name, with parameters; the catalogue finds it when it is needed.

    ``project`` is a folder of the project in which it is looked for, filled in by the catalogue; empty: the current.
    """

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    project: str = ""


class Part(ABC):
    """What can be included: a topology."""

    name: ClassVar[str] = ""

    @abstractmethod
    def tell(self, b: Builder) -> None:
        """Tell ``b`` what stands in the world; ModelError if the author's code fails."""


Find = Callable[[TopologyRef], Part]
"""Finds a topology by its name: the catalogue's work."""
