"""Taps: packet sockets that take every frame of an interface, with the kernel's own time. Looks, changes nothing."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Final

_ALL_PROTOCOLS: Final = 3
_ROOM_BYTES: Final = 1 << 20
_FRAME_BYTES: Final = 65536
_SO_TIMESTAMPNS: Final = 35
_OUTGOING: Final = 4
_SOL_PACKET, _STATISTICS = 263, 6
_TIMESPEC: Final = struct.Struct("@ll")
_COUNTS: Final = struct.Struct("=II")  # frames taken and dropped since it was last asked
_ROOM_FOR_TIME: Final = socket.CMSG_SPACE(_TIMESPEC.size)


def open_tap(interface: str, *, room: int = _ROOM_BYTES) -> socket.socket:
    """Return a packet socket for ``interface`` of this thread's network namespace; ``room`` bytes may wait in it."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # bound at once with its protocol: a socket that is open for all first would see other links
        tap.bind((interface, _ALL_PROTOCOLS))
    except BaseException:
        tap.close()
        raise
    return tap


def waiting(tap: socket.socket) -> Iterator[tuple[float, bytes, bool]]:
    """Yield, of each frame that waits, moment (seconds since the epoch), bytes, and whether it was sent from here.

    Never waits for more. An interface that went down says so once; what it let pass before is still there.
    """
    while True:
        try:
            frame, ancillary, _, sender = tap.recvmsg(_FRAME_BYTES, _ROOM_FOR_TIME, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise
            continue  # the link went down, which is told once; the tap sees on when it is up again
        ((_, _, stamp),) = ancillary
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        yield seconds + nanoseconds / 1e9, frame, sender[2] == _OUTGOING


def dropped(tap: socket.socket) -> int:
    """Return how many frames had no room since this was last asked."""
    _, drops = _COUNTS.unpack(tap.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size))
    return int(drops)
