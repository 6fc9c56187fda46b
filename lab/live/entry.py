"""A lab that somebody keeps, as its file describes it, and the lock on that file.

The kernel gives the lock up when its process ends, however it ends: whether a lab is there is never guessed.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from lab import wire
from lab.errors import ModelError, Problem

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
NAME_RULE: Final = "1 to 63 letters, digits, and . _ - after the first"
_FLOCK: Final = struct.Struct("@hhqqi4x")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A lab as its file describes it.

    ``pid`` is the process that keeps it, in ``since`` (seconds since the epoch) it was begun. It has no ``hosts``
    before it stands. ``ended`` says why it ended, where that was seen.
    """

    name: str
    topology: str = ""
    settings: list[str] = []
    pid: int = 0
    since: float = 0.0
    hosts: list[str] = []
    detached: bool = False
    standing: bool = False
    ended: str = ""


def begun(name: str, topology: str, settings: list[str], *, detached: bool) -> Entry:
    """Return the entry of a lab that this process begins now."""
    return Entry(name=name, topology=topology, settings=settings, pid=os.getpid(), since=time.time(), detached=detached)


def check_name(name: str) -> None:
    """Raise ModelError if no lab may be called ``name``."""
    if not NAME.fullmatch(name):
        raise ModelError(Problem(where="lab", text=f"{name!r} is no name for a lab", hint=NAME_RULE))


def free_names(name: str) -> Iterator[str]:
    """Yield ``name``, and then what else a lab of it may be called."""
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def written(fd: int, name: str) -> Entry:
    """Return what a file says; one that is just being written says nothing yet."""
    try:
        entry: Entry = wire.decode(os.pread(fd, os.fstat(fd).st_size, 0), Entry)
    except msgspec.MsgspecError:
        return Entry(name=name)
    return entry


def hold(fd: int) -> bool:
    """Lock the file behind ``fd`` for as long as it is open here, or where it was passed to; False if it is held."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BlockingIOError:
        return False
    return True


def held(fd: int) -> bool:
    """Tell whether the file behind ``fd`` is locked. ``flock`` could tell only by locking it, in somebody's way."""
    asked = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    kind: int = _FLOCK.unpack(asked)[0]
    return kind != fcntl.F_UNLCK
