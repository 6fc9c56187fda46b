"""What a client holds of a lab: letting go of it ends the lab, whatever state either is in.

Only the process that made the lab lets go; a child that it forked holds copies, and drops them in silence.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Final

from lab.errors import TearDownFailed
from lab.live.channel import Channel
from lab.live.lastwords import LastWords

_POLITE_S: Final = 2.0
_PATIENCE_S: Final = 10.0


class Rope:
    """A lab's life: its conversation, the socket that its init watches, and the pidfd of that init."""

    def __init__(self, channel: Channel, life: socket.socket, init: int, errors: LastWords) -> None:
        """Own the first three; ``errors`` are the lab's last words when it ends."""
        self._channel, self._life, self._init, self._owner = channel, life, init, os.getpid()
        self._errors = errors
        channel.epitaph = self._epitaph

    def let_go(self, *, wait: bool = False) -> None:
        """End the lab: wait until its network process is dead, and with ``wait`` until the kernel has freed everything.

        Raises:
            TearDownFailed: It is still there although it was killed.
        """
        if self._owner != os.getpid():
            self._life.close()
            os.close(self._init)
            self._channel.drop()
            return
        # not just closed: a forked child's copy would hold the other side
        with contextlib.suppress(OSError):  # the lab has ended already
            self._life.shutdown(socket.SHUT_RDWR)
        self._life.close()
        try:
            watched = self._init if wait else self._channel.fileno()
            if not ended(watched, _POLITE_S):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
                if not ended(self._init, _PATIENCE_S):
                    raise TearDownFailed(f"the lab's init is still there {_PATIENCE_S:.0f} s after it was killed")
        finally:
            os.close(self._init)
            self._channel.close()

    def _epitaph(self) -> str:
        """Return what is known about the lab's end; init has the last word, just after the network process's end."""
        with contextlib.suppress(OSError):  # closed by another thread
            ended(self._init, _POLITE_S)
        return self._errors.epitaph()


def ended(fd: int, patience_s: float) -> bool:
    """Tell whether what is behind ``fd`` (a pidfd, or a socket) has ended or does so within ``patience_s``."""
    if fd < 0:
        return True  # closed here, because its end was seen
    poll = select.poll()
    # a pidfd becomes readable; a socket hangs up, which is told unasked and not mistaken for unread messages
    poll.register(fd, select.POLLIN if not _is_socket(fd) else 0)
    deadline = time.monotonic() + patience_s
    while not (over := bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))) and time.monotonic() < deadline:
        continue  # woken early
    return over


def _is_socket(fd: int) -> bool:
    """Tell whether ``fd`` is a socket."""
    return str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("socket:")
