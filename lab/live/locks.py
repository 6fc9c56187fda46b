"""The two locks on a lab's file: that somebody keeps the lab, and whose turn it is to change or read the file.

The kernel gives them up when their process ends, however it ends: whether a lab is there is never guessed. They are
two, so that who sweeps or begins a lab is never taken for one who keeps it; and what is read in one's turn is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from typing import Final

_FLOCK: Final = struct.Struct("@hhqqi4x")
# each lock is a byte of the file; whether there is such a byte does not matter
_KEPT, _TURN = 0, 1


def hold(fd: int) -> None:
    """Say that the lab is kept, for as long as the file is open here, or where it was passed to; in one's turn."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _lock(fcntl.F_WRLCK, _KEPT))


def held(fd: int) -> bool:
    """Tell whether somebody keeps the lab. ``flock`` could tell only by locking, in somebody's way."""
    kind: int = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK, _KEPT)))[0]
    return kind != fcntl.F_UNLCK


@contextlib.contextmanager
def turn(fd: int, *, reading: bool = False) -> Iterator[None]:
    """Wait until nobody else changes the file behind ``fd``, or with ``reading`` until it is whole, and keep it so."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, _lock(fcntl.F_RDLCK if reading else fcntl.F_WRLCK, _TURN))
    try:
        yield
    finally:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _lock(fcntl.F_UNLCK, _TURN))


def _lock(kind: int, byte: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0)
