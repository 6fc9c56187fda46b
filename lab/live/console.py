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
from collections.abc import Callable

from lab.errors import LiveError
from lab.live.network import Context, Network
from lab.live.protocol import Console, Done


class Consoles:
    """Answers ``Console``, one at a time."""

    def __init__(self, network: Network, command_line: Callable[[], None]) -> None:
        """Register with ``network``; ``command_line`` talks on descriptors 0 to 2 until its user leaves it."""
        self._network, self._command_line = network, command_line
        self._busy = False
        network.on(Console, self.console)

    async def console(self, _request: Console, context: Context) -> Done:
        """Run the command line on the terminal that came with the request; answer when it ends."""
        context.need(1)
        if self._busy:
            raise LiveError("a command line is open already")
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        (terminal,) = context.take()

        def job() -> None:
            problem: BaseException | None = None
            try:
                on_terminal(terminal, self._command_line)
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


def on_terminal(terminal: int, body: Callable[[], None]) -> None:
    """Run ``body`` with ``terminal`` (owned from now on) as descriptors 0 to 2 and as this session's terminal.

    The terminal must be nobody's yet: with argument 0 the kernel refuses to steal one, which root could otherwise do
    to the client's own shell.

    Raises:
        LiveError: It is somebody's.
    """
    try:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    except OSError as error:
        os.close(terminal)
        raise LiveError(f"the terminal cannot be taken over: {error}") from error
    saved = [os.dup(fd) for fd in (0, 1, 2)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.close(terminal)
        # the user of a terminal may also just close it: then reading and writing fail
        with contextlib.suppress(EOFError, KeyboardInterrupt, OSError):
            body()
            sys.stdout.flush()
        with contextlib.suppress(OSError):  # hung up: the kernel has let go of it already
            fcntl.ioctl(0, termios.TIOCNOTTY)
    finally:
        for fd, old in enumerate(saved):
            os.dup2(old, fd)
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
