"""The backend of a run in the model alone: it measures nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from lab.model.action import Action
from lab.model.call import Call
from lab.model.outcome import Measurement
from lab.model.world import World


class Silent:
    """Says nothing of any step."""

    mode = "model"
    vrf_backend: str | None = None

    def __init__(self, world: World) -> None:
        """Take the world, and leave it alone."""

    def act(self, action: Action) -> Measurement | None:
        """Say nothing: there is nothing that could fail."""
        return None

    def ask(self, call: Call) -> Measurement | None:
        """Say nothing."""
        return None

    def __enter__(self) -> Self:
        """Start nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop nothing."""
