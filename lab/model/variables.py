"""Endpoint variables: how the field's command-line tools are told whom to ask.

``KP_PRIVATE_ADDR`` is read by ``ibmcloud kp``, ``TKE_PRIVATE_ADDR`` by ``ibmcloud tke``. The tools take a URL and pass
it to their HTTP client as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.plane import Plane


class Variable(Enum):
    """A variable in the environment of a tool."""

    KP_PRIVATE_ADDR = "KP_PRIVATE_ADDR"
    TKE_PRIVATE_ADDR = "TKE_PRIVATE_ADDR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A variable as a session has it; ``value`` None: it is unset."""

    variable: Variable
    value: str | None = None

    @property
    def plane(self) -> Plane:
        """The plane that the setting means: private where the host name has the word ``private``."""
        labels = (self.value or "").rpartition("://")[2].partition(":")[0].split(".")
        return Plane.PRIVATE if "private" in labels else Plane.PUBLIC

    def __str__(self) -> str:
        """For people: ``KP_PRIVATE_ADDR=https://…``, ``KP_PRIVATE_ADDR unset``."""
        return f"{self.variable.value} unset" if self.value is None else f"{self.variable.value}={self.value}"
