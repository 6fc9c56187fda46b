"""One message socket in an asyncio loop: reads as messages come, writes at once or when the other side has room.

It knows no message types; the network process and the cloud process both use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence

from lab import wire


def _say(error: OSError) -> None:
    """Write down why a conversation ends."""
    with contextlib.suppress(OSError):  # last words have a limit
        print(f"pelab: {error}", file=sys.stderr, flush=True)


class Connection:
    """A message socket that belongs to the running loop."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        received: Callable[[bytes, list[int]], None],
        ended: Callable[[], None],
        lost: Callable[[OSError], None] = _say,
    ) -> None:
        """Serve ``sock`` from now on.

        Args:
            sock: Owned by the connection.
            received: Called with each message and its descriptors, which it then owns.
            ended: Called once, when the other side has ended or ``close`` was called.
            lost: Called when a message could not be received whole, just before the connection ends by that: whoever
                waits for it must hear that nothing will come. By default the reason becomes this process's last words.
        """
        self._sock, self._received, self._ended, self._lost = sock, received, [ended], lost
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[tuple[bytes, list[int]]] = deque()
        self.open = True
        sock.setblocking(False)
        self._loop.add_reader(sock, self._read)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Also call ``callback`` when the connection ends; at once if it has."""
        if self.open:
            self._ended.append(callback)
        else:
            callback()

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send ``message``; ``fds`` may be closed on return. Silently dropped when the other side has ended."""
        data = wire.encode(message)
        if not self.open:
            return
        if not self._outbox and self._sent(data, fds):
            return
        if not self._outbox:
            self._loop.add_writer(self._sock, self._write)
        self._outbox.append((data, [os.dup(fd) for fd in fds]))

    def close(self) -> None:
        """End the connection; messages that wait for room are lost."""
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        for _, fds in self._outbox:
            wire.close(fds)
        self._outbox.clear()
        self._sock.close()
        for callback in self._ended:
            callback()

    def _sent(self, data: bytes, fds: Sequence[int]) -> bool:
        """Try to send now; True also when there is nobody to send to any more (the reader sees to that)."""
        try:
            wire.send_bytes(self._sock, data, fds)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True
        return True

    def _write(self) -> None:
        """There is room: send what waits."""
        while self._outbox:
            data, fds = self._outbox[0]
            if not self._sent(data, fds):
                return
            wire.close(fds)
            self._outbox.popleft()
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        """Hand over what has come; one message a turn, so that nobody starves the loop."""
        try:
            data, fds = wire.recv_bytes(self._sock)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            data, fds = None, []
        if data is None:
            self.close()
        else:
            self._received(data, fds)
