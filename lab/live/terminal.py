"""A terminal for a program in a lab: a fresh pty, its slave passed by descriptor, its master relayed to the user's own.

Never the user's own terminal: a session leader in the lab would steal it from the user's shell. Bytes pass as they are;
it understands none of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from lab.live.channel import Channel
from lab.live.program import Program
from lab.live.protocol import Console, Done

T = TypeVar("T")
_CHUNK: Final = 65536
_END_OF_INPUT: Final = b"\x04"


def shell(
    channel: Channel,
    host: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: str = "/",
) -> int:
    """Run ``arguments`` in ``folder`` of ``host`` on this process's terminal; return its exit status."""
    # the end of a session's leader hangs its terminal up, whoever else may hold it
    program = _relayed(
        lambda slave: Program.start(
            channel, host, arguments, (slave, slave, slave), environment=environment, folder=folder, terminal=True
        )
    )
    return program.wait()


def command_line(channel: Channel, *, folder: str = "/") -> None:
    """Run the lab's own command line, standing in ``folder``, on this process's terminal; in a pipe, on the pipe."""
    asked = Console(folder=folder)
    if not os.isatty(0):
        channel.receive(channel.begin(asked, [0, 1, 2]), Done)
        return
    channel.receive(_relayed(lambda slave: channel.begin(asked, [slave])), Done)


def _relayed(start: Callable[[int], T]) -> T:
    """Start something on the slave of a fresh pty, relay its master until the slave is closed; return what started."""
    master, slave = _pty()
    try:
        try:
            started = start(slave)
        finally:
            os.close(slave)
        relay(master)
    finally:
        os.close(master)
    return started


def relay(master: int, *, stdin: int = 0, stdout: int = 1) -> None:
    """Pass bytes both ways between ``master`` and this process's terminal, until nobody holds the other side."""
    with _raw(stdin), _same_size(stdin, master):
        poll = select.poll()
        poll.register(master, select.POLLIN)
        poll.register(stdin, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                try:
                    data = os.read(fd, _CHUNK)
                except OSError:
                    data = b""  # EIO: the other side of the pty is closed
                if fd == master:
                    if not data:
                        return
                    _write_all(stdout, data)
                    continue
                if not data:
                    poll.unregister(stdin)
                with contextlib.suppress(OSError):  # it has just ended; the next read of the master says so
                    _write_all(master, data or _END_OF_INPUT)


def _pty() -> tuple[int, int]:
    """Return a fresh pty, its size that of this process's terminal if it has one."""
    master, slave = os.openpty()
    _copy_size(0, slave)
    return master, slave


def _copy_size(source: int, target: int) -> None:
    """Give ``target`` the window size of ``source``, if that is a terminal."""
    with contextlib.suppress(OSError):  # not a terminal
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


@contextlib.contextmanager
def _same_size(source: int, target: int) -> Iterator[None]:
    """Let ``target`` follow the window size of ``source``; only the main thread hears of changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(source, target))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Have the terminal ``fd`` pass every key, Ctrl-C too; it is as before on every path."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def _write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
