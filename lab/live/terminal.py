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
            channel, host, arguments, _standard(slave), environment=environment, folder=folder, terminal=True
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


def _standard(slave: int) -> tuple[int, int, int]:
    """Return a program's descriptors: errors that go to a file here go there, and not to the screen."""
    return slave, slave, slave if os.isatty(2) else 2


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
    """Pass bytes both ways between ``master`` and this process's terminal, until nobody holds the other side or looks.

    What is typed waits while the other side does not read: it may be writing, and must be read meanwhile.
    """
    os.set_blocking(master, False)
    with _raw(stdin), _same_size(stdin, master):
        poll, typed, open_ended = select.poll(), b"", True
        while True:
            poll.register(master, select.POLLIN | (select.POLLOUT if typed else 0))
            if open_ended and not typed:
                poll.register(stdin, select.POLLIN)
            for fd, events in poll.poll():
                if fd == stdin:
                    poll.unregister(stdin)
                    typed = _read(stdin)
                    open_ended = bool(typed)
                    typed = typed or _END_OF_INPUT
                elif events != select.POLLOUT:
                    data = _read(master)
                    if not data or not _written(stdout, data):
                        return
            typed = _write_some(master, typed)


def _read(fd: int) -> bytes:
    """Return what is there; nothing at the end, also when the other side of a pty is closed (EIO)."""
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return b""


def _write_some(fd: int, data: bytes) -> bytes:
    """Write as much as there is room for, and return the rest."""
    try:
        return data[os.write(fd, data) :] if data else data
    except BlockingIOError:
        return data
    except OSError:
        return b""  # it has just ended; the next read says so


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
        _copy_size(source, target)  # it may have changed since the pty was made
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
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def _written(fd: int, data: bytes) -> bool:
    """Write all of ``data``; False when nobody can see it any more, as on a terminal that was closed."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        return False
    return True
