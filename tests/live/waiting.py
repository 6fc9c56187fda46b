"""Waiting, within a budget, for what sends no event."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 30.0


def until(seen: Callable[[], object], what: str) -> None:
    """Wait until ``seen`` is true, for something that sends no event."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        select.select([], [], [], 0.005)


def stop(pid: int) -> None:
    """Stop a process, and return when it stands still: the signal alone lets it go on for a moment."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", f"{pid} stands still")
