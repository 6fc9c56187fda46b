"""Many open files: what comes after them has numbers that ``select`` does not take."""

from __future__ import annotations

import os
import resource


def crowd(count: int) -> None:
    """Have ``count`` files open in this process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for _ in range(count):
        os.open(os.devnull, os.O_RDONLY)
