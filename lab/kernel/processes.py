"""Ending every process that is in a namespace, whoever started it and whatever it made of itself."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 5.0
_KINDS: Final = ("net", "mnt", "uts")


def end(namespaces: Sequence[int]) -> None:
    """Kill every other process that is in one of the namespaces behind descriptors, until there is none.

    Raises:
        TimeoutError: There still are some after five seconds.
    """
    deadline, of = time.monotonic() + _PATIENCE_S, {_identity(os.fstat(fd)) for fd in namespaces}
    while True:
        with ExitStack() as opened:
            found = []
            for pidfd in _inside(of):
                opened.callback(os.close, pidfd)
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                found.append(pidfd)
            if not found:
                return
            for pidfd in found:
                _await(pidfd, deadline)


def _await(pidfd: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError(f"its programs do not end, or start others, for {_PATIENCE_S:.0f} s")


def _inside(of: set[tuple[int, int]]) -> Iterator[int]:
    """Yield a new pidfd of each process that is in a namespace of these identities, but not of this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            pidfd = os.pidfd_open(int(entry.name))
        except ProcessLookupError:
            continue  # it has ended
        # looked at once the descriptor stands: a pid may become another process's
        if of & set(_namespaces(entry)):
            yield pidfd
        else:
            os.close(pidfd)


def _namespaces(process: Path) -> Iterator[tuple[int, int]]:
    """Yield the identities of a process's namespaces, by its folder in /proc; one that ends has none any more."""
    for kind in _KINDS:
        try:
            yield _identity((process / "ns" / kind).stat())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return  # not readable is what runs a program that its user may not read: no program of a host's


def _identity(of: os.stat_result) -> tuple[int, int]:
    return of.st_dev, of.st_ino
