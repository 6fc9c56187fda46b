"""Who lives in namespaces: the processes that ``/proc`` shows to be in them. Looks, changes nothing."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

_KINDS: Final = ("net", "mnt")


def remaining(namespaces: Collection[int], budget_s: float) -> list[str]:
    """Return the command lines of processes that live in any of ``namespaces`` and do not end within ``budget_s``.

    Args:
        namespaces: Descriptors of network and mount namespaces.
        budget_s: Seconds; what was killed just now needs a moment to end.
    """
    wanted = {_identity(os.fstat(fd)) for fd in namespaces}
    deadline = time.monotonic() + budget_s
    while found := _living(wanted):
        if (left := deadline - time.monotonic()) <= 0:
            return list(found.values())
        _await_end(next(iter(found)), left)
    return []


def _living(wanted: Collection[tuple[int, int]]) -> dict[int, str]:
    """Return the command lines of the processes in these namespaces, by pid."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if any(_identity((folder / "ns" / kind).stat()) in wanted for kind in _KINDS):
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                found[int(folder.name)] = b" ".join(words).decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


def _await_end(pid: int, budget_s: float) -> None:
    """Return when the process has ended, or the budget is spent."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(budget_s * 1000)
    finally:
        os.close(pidfd)


def _identity(namespace: os.stat_result) -> tuple[int, int]:
    return namespace.st_dev, namespace.st_ino
