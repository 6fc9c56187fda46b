"""A lab that somebody keeps, as its file describes it, and the process that keeps it."""

from __future__ import annotations

import errno
import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from lab import wire
from lab.errors import ModelError, Problem

_LONGEST: Final = 63
NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{_LONGEST - 1}}}")
NAME_RULE: Final = f"1 to {_LONGEST} letters, digits, and . _ - after the first"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A lab as its file describes it.

    ``pid`` is the process that keeps it: a number in the pid namespace with the inode ``pids``, where it means the one
    that began ``born`` clock ticks after the machine. In ``since`` (seconds since the epoch) the lab was begun. It has
    no ``hosts`` before it stands. ``ended`` says why it ended, where that was seen.
    """

    name: str
    topology: str = ""
    settings: list[str] = []
    pid: int = 0
    pids: int = 0
    born: int = 0
    since: float = 0.0
    hosts: list[str] = []
    detached: bool = False
    standing: bool = False
    ended: str = ""


def begun(name: str, topology: str, settings: list[str], *, detached: bool) -> Entry:
    """Return the entry of a lab that this process begins now."""
    return Entry(
        name=name,
        topology=topology,
        settings=settings,
        pid=os.getpid(),
        pids=_pids(),
        born=_born(os.getpid()),
        since=time.time(),
        detached=detached,
    )


def here(entry: Entry) -> bool:
    """Tell whether ``pid`` is a number of the caller's pid namespace; in another it is a stranger's, or nobody's."""
    return entry.pids == _pids()


def keeper_of(entry: Entry) -> int:
    """Return a pidfd of the process that keeps a lab which is kept ``here``; ProcessLookupError if it has ended."""
    fd = os.pidfd_open(entry.pid)
    # asked once the descriptor is there: until that process ends the number cannot become another's
    if _born(entry.pid) == entry.born:
        return fd
    os.close(fd)
    raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))


def check_name(name: str) -> None:
    """Raise ModelError if no lab may be called ``name``."""
    if not NAME.fullmatch(name):
        raise ModelError(Problem(where="lab", text=f"{name!r} is no name for a lab", hint=NAME_RULE))


def free_names(name: str) -> Iterator[str]:
    """Yield ``name``, and then what else a lab of it may be called."""
    yield name
    for number in itertools.count(2):
        behind = f"-{number}"
        yield name[: _LONGEST - len(behind)] + behind


def written(fd: int, name: str) -> Entry:
    """Return what a file says; one that is torn says nothing."""
    try:
        entry: Entry = wire.decode(os.pread(fd, os.fstat(fd).st_size, 0), Entry)
    except msgspec.MsgspecError:
        return Entry(name=name)
    return entry


def _pids() -> int:
    """Return the inode of this process's pid namespace."""
    return Path("/proc/self/ns/pid").stat().st_ino


def _born(pid: int) -> int:
    """Return when a process began, in clock ticks after the machine; -1 if there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return -1
    # field 22 of proc(5); the second one, the program's name, may have blanks and parentheses
    return int(told.rpartition(b")")[2].split()[19])
