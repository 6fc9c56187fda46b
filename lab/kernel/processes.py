"""Who is in namespaces, as ``/proc`` shows it: whoever started them, and whatever they made of themselves.

``remaining`` looks and changes nothing; ``end`` leaves nobody.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 5.0
_KINDS: Final = ("net", "mnt", "uts")


def end(namespaces: Collection[int]) -> None:
    """Kill every other process that is in one of the namespaces behind descriptors, until there is none.

    Raises:
        TimeoutError: There still are some after five seconds.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        with ExitStack() as opened:
            found = _inside(namespaces, opened)
            if not found:
                return
            for pidfd in found.values():
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            for pidfd in found.values():
                if not _ends(pidfd, deadline):
                    raise TimeoutError(f"its programs do not end, or start others, for {_PATIENCE_S:.0f} s")


def remaining(namespaces: Collection[int], budget_s: float) -> list[str]:
    """Return the command lines of the processes in the namespaces that do not end within ``budget_s`` seconds.

    What was killed just now needs a moment to end.
    """
    deadline = time.monotonic() + budget_s
    while True:
        with ExitStack() as opened:
            found = _inside(namespaces, opened)
            if not found:
                return []
            if not _ends(next(iter(found.values())), deadline):
                return [_command_line(pid) for pid in found]


def _inside(namespaces: Collection[int], opened: ExitStack) -> dict[int, int]:
    """Return a pidfd, which ``opened`` closes, of each other process that is in one of the namespaces, by pid."""
    wanted, found = {_identity(os.fstat(fd)) for fd in namespaces}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            pidfd = os.pidfd_open(int(entry.name))
        except ProcessLookupError:
            continue  # it has ended
        # looked at once the descriptor stands: a pid may become another process's
        if wanted & set(_of(entry)):
            opened.callback(os.close, pidfd)
            found[int(entry.name)] = pidfd
        else:
            os.close(pidfd)
    return found


def _ends(pidfd: int, deadline: float) -> bool:
    """Whether a process ends before ``deadline``."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _of(process: Path) -> Iterator[tuple[int, int]]:
    """Yield the identities of a process's namespaces, by its folder in /proc; one that ends has none any more."""
    for kind in _KINDS:
        try:
            yield _identity((process / "ns" / kind).stat())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return  # not readable is what runs a program that its user may not read: no program of a host's


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        words = b""  # it ended just now, after its time
    return words.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")


def _identity(of: os.stat_result) -> tuple[int, int]:
    return of.st_dev, of.st_ino
