"""The services' time: seconds since the epoch, given to whoever needs it so that tests can give another."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


def system() -> float:
    """Return the machine's time."""
    return time.time()
