"""A command line on the client's terminal, run by the network process's main thread.

``KeyboardInterrupt`` and readline belong to the main thread, and the terminal to the session that the process leads.
Which command line it is (Mininet's own) is the caller's choice; requests are answered meanwhile by the loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lab.errors import LiveError
from lab.live.network import Context, Network
from lab.live.protocol import Console, Done

_STANDARD: Final = (0, 1, 2)


class Consoles:
    """Answers ``Console``, one at a time."""

    def __init__(self, network: Network, command_line: Callable[[], None]) -> None:
        """Register with ``network``; ``command_line`` talks on descriptors 0 to 2 until its user leaves it."""
        self._network, self._command_line = network, command_line
        self._busy = False
        network.on(Console, self.console)

    async def console(self, request: Console, context: Context) -> Done:
        """Run the command line on what came along, a terminal or three descriptors; answer when it ends."""
        if len(context.fds) != len(_STANDARD):
            context.need(1)
        if self._busy:
            raise LiveError("a command line is open already")
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        fds = context.take()

        def job() -> None:
            problem: BaseException | None = None
            try:
                with contextlib.ExitStack() as stack:
                    if len(fds) == 1:
                        stack.enter_context(terminal(fds[0]))
                    else:
                        stack.enter_context(standing_in(fds))
                    with contextlib.suppress(OSError):  # a folder that the lab does not have: it stays in /
                        stack.enter_context(contextlib.chdir(request.folder))
                    # the user of a terminal may also just close it: then reading and writing fail
                    with contextlib.suppress(EOFError, KeyboardInterrupt, OSError):
                        self._command_line()
                        sys.stdout.flush()
            except BaseException as error:  # noqa: BLE001 - handed over whole: it must not end the lab
                problem = error
            loop.call_soon_threadsafe(_settle, ended, problem)

        self._busy = True
        try:
            self._network.main_thread.put(job)
            await ended
        finally:
            self._busy = False
        return Done()


@contextlib.contextmanager
def terminal(fd: int) -> Iterator[None]:
    """Have the terminal ``fd`` (owned from now on) as descriptors 0 to 2 and as this session's terminal.

    The terminal must be nobody's yet: with argument 0 the kernel refuses to steal one, which root could otherwise do
    to the client's own shell.

    Raises:
        LiveError: It is somebody's.
    """
    try:
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
    except OSError as error:
        os.close(fd)
        raise LiveError(f"the terminal cannot be taken over: {error}") from error
    with standing_in([fd, os.dup(fd), os.dup(fd)]):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # hung up: the kernel has let go of it already
                fcntl.ioctl(0, termios.TIOCNOTTY)


@contextlib.contextmanager
def standing_in(fds: Sequence[int]) -> Iterator[None]:
    """Have ``fds`` (owned from now on) as descriptors 0 to 2, and Ctrl-C as an exception."""
    saved = [os.dup(fd) for fd in _STANDARD]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for fd, ours in zip(fds, _STANDARD, strict=True):
            os.dup2(fd, ours)
            os.close(fd)
        yield
    finally:
        for old, ours in zip(saved, _STANDARD, strict=True):
            os.dup2(old, ours)
            os.close(old)
        signal.signal(signal.SIGINT, before)


def _settle(future: asyncio.Future[None], problem: BaseException | None) -> None:
    """Give ``future`` its result, unless nobody waits for it any more."""
    if future.done():
        return
    if problem is None:
        future.set_result(None)
    else:
        future.set_exception(LiveError(f"the command line broke: {problem!r}"))
