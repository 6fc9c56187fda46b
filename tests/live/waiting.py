"""Waiting, within a budget, for what sends no event."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

PATIENCE_S = 30.0


def until(seen: Callable[[], object], what: str) -> None:
    """Wait until ``seen`` is true, for something that sends no event."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        select.select([], [], [], 0.005)
