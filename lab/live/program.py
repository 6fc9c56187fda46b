"""The client's view of programs in a host: run one to its end, or start one and keep it.

It makes no terminal (``terminal`` does) and, like the rest of the client's side, starts no thread.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab import wire
from lab.live.channel import Channel
from lab.live.protocol import Await, Done, Exited, Signal, Spawn, Spawned

_KEPT: Final = ("LANG", "TERM", "TZ")
_CHUNK: Final = 65536


def session_environment(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a session brings along from this process: how to find programs, language, terminal; and ``added``.

    The folder of this process's interpreter comes first, so ``python`` in a host is the one that runs the test.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    return {"PATH": path, **kept, **(added or {})}


class Program:
    """A program that was started in a host."""

    def __init__(self, channel: Channel, spawned: Spawned, pidfd: int, arguments: Sequence[str]) -> None:
        """Keep what ``start`` got."""
        self.arguments = tuple(arguments)
        self.pid = spawned.pid
        self._channel, self._number, self._pidfd = channel, spawned.process, pidfd
        self._status: int | None = None
        # also when it is dropped without being waited for
        self._close = weakref.finalize(self, os.close, pidfd)

    @classmethod
    def start(
        cls,
        channel: Channel,
        host: str,
        arguments: Sequence[str],
        standard: tuple[int, int, int],
        *,
        environment: Mapping[str, str] | None = None,
        folder: str = "/",
        terminal: bool = False,
    ) -> Program:
        """Start ``arguments`` in ``host`` on the three descriptors ``standard``, which stay open here."""
        request = Spawn(
            host=host,
            arguments=list(arguments),
            environment=session_environment(environment),
            folder=folder,
            terminal=terminal,
        )
        spawned, (pidfd,) = channel.exchange(request, Spawned, standard)
        return cls(channel, spawned, pidfd, arguments)

    def fileno(self) -> int:
        """Return the pidfd, which is readable when the program has ended."""
        return self._pidfd

    @property
    def status(self) -> int | None:
        """The exit status once it was waited for, negative for a death by signal; None until then."""
        return self._status

    def signal(self, number: int) -> None:
        """Send a signal to the program and its process group."""
        if self._status is None:
            self._channel.ask(Signal(process=self._number, number=number), Done)

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit status, negative for a death by signal.

        Raises:
            subprocess.TimeoutExpired: It still runs after ``timeout_s``.
        """
        if self._status is None:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if timeout_s is not None and not poll.poll(timeout_s * 1000):
                raise subprocess.TimeoutExpired(list(self.arguments), timeout_s)
            self._status = self._channel.ask(Await(process=self._number), Exited).status
            self._close()
        return self._status


def run(
    channel: Channel,
    host: str,
    arguments: Sequence[str],
    *,
    input_bytes: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: str = "/",
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return its status and output.

    The output is what came until the program itself ended: a daemon that it left may hold the pipes for ever.

    Raises:
        subprocess.TimeoutExpired: It still ran after ``timeout_s`` and was killed, with its process group.
    """
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_err, theirs_err = os.pipe()
    ours, theirs = [ours_in, ours_out, ours_err], (theirs_in, theirs_out, theirs_err)
    try:
        try:
            program = Program.start(channel, host, arguments, theirs, environment=environment, folder=folder)
        finally:
            wire.close(theirs)
        talk = _Talk(program, ours, input_bytes)
        try:
            ended = talk.until_ended(timeout_s)
        except BaseException:
            # as subprocess.run does: Ctrl-C leaves nothing running
            program.signal(signal.SIGKILL)
            program.wait()
            raise
        if not ended:
            program.signal(signal.SIGKILL)
            program.wait()
            raise subprocess.TimeoutExpired(list(arguments), timeout_s or 0.0, talk.output(1), talk.output(2))
        return subprocess.CompletedProcess(list(arguments), program.wait(), talk.output(1), talk.output(2))
    finally:
        wire.close([fd for fd in ours if fd >= 0])


class _Talk:
    """What is said to a program and what it says, until it ends."""

    def __init__(self, program: Program, ours: list[int], input_bytes: bytes) -> None:
        """Talk over ``ours``: stdin, stdout, stderr; an entry is -1 once it is closed."""
        self._program, self._ours, self._rest = program, ours, memoryview(input_bytes)
        self._said: dict[int, list[bytes]] = {1: [], 2: []}
        self._poll = select.poll()
        for fd in ours:
            os.set_blocking(fd, False)
        self._poll.register(program, select.POLLIN)
        self._poll.register(ours[1], select.POLLIN)
        self._poll.register(ours[2], select.POLLIN)
        self._poll.register(ours[0], select.POLLOUT)
        self._write()

    def output(self, number: int) -> bytes:
        """Return what came on descriptor ``number`` of the program."""
        return b"".join(self._said[number])

    def until_ended(self, timeout_s: float | None) -> bool:
        """Talk until the program has ended; False when it still runs after ``timeout_s``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        ended = False
        while not ended:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            events = self._poll.poll(left)
            ended = any(fd == self._program.fileno() for fd, _ in events)
            # a program that never stops talking has a time-out too
            if not ended and deadline is not None and time.monotonic() >= deadline:
                return False
            self._write()
            self._read()
        return True

    def _write(self) -> None:
        """Say as much as fits; close when there is no more to say, or nobody listens."""
        if self._ours[0] < 0:
            return
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._ours[0], self._rest) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._rest = self._rest[:0]
        self._close(0)

    def _read(self) -> None:
        """Take what has come, at least a pipe full, but not for ever: a daemon may go on talking."""
        for number in (1, 2):
            with contextlib.suppress(BlockingIOError):
                for _ in range(16):
                    if self._ours[number] < 0:
                        break
                    part = os.read(self._ours[number], _CHUNK)
                    self._said[number].append(part)
                    if not part:
                        self._close(number)

    def _close(self, number: int) -> None:
        """Close one of ours."""
        self._poll.unregister(self._ours[number])
        os.close(self._ours[number])
        self._ours[number] = -1
