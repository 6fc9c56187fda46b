"""The client's side of a lab: ``Nursery`` starts the process that forks labs, ``Lab`` is one of them.

Works in any process and any thread, as root and as an ordinary user: it needs the standard library and msgspec, never
re-executes anybody, starts no thread, installs no handler and changes nothing in the process it lives in.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from lab import wire
from lab.errors import BringUpFailed, EnvironmentProblem
from lab.live import boot, causes, terminal
from lab.live.channel import Channel
from lab.live.host import Host
from lab.live.lastwords import LastWords
from lab.live.protocol import (
    FURNISHING,
    Answer,
    Done,
    Failed,
    Fork,
    Notice,
    NurseryReady,
    Ping,
    Pong,
    Ready,
    Request,
    error_in,
)
from lab.live.rope import Rope

A = TypeVar("A", bound=Answer)

_PATIENCE_S: Final = 10.0


class Nursery:
    """The process that labs are forked from; ``start`` makes one, ``shared`` returns this process's own."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket, errors: LastWords) -> None:
        """Keep what ``start`` made."""
        self._process, self._sock, self._errors = process, sock, errors
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._ready: NurseryReady | Failed | None = None
        self._close = weakref.finalize(self, _end_nursery, process, sock, self._owner)

    @classmethod
    def start(cls, *, python: str | None = None, user: int | None = None) -> Nursery:
        """Start a nursery without waiting for it.

        Args:
            python: The interpreter that it runs on; this process's own by default.
            user: The uid (and gid) that it runs as; only root may choose.
        """
        environment = boot.environment()
        if python in {None, sys.executable} and sys.version_info < (3, 12):
            # Mininet asks distutils for a version comparison; setuptools' own copy of it takes 0.1 s to import
            environment["SETUPTOOLS_USE_DISTUTILS"] = "stdlib"
        try:
            errors = LastWords()
            ours, theirs = wire.pair()
            with theirs, contextlib.ExitStack() as failed:
                failed.enter_context(ours)
                me = os.pidfd_open(os.getpid())
                try:
                    process = subprocess.Popen(
                        boot.command("lab.live.nursery", theirs.fileno(), me, python=python),
                        pass_fds=(theirs.fileno(), me),
                        stdin=subprocess.DEVNULL,
                        stdout=errors.fd,
                        stderr=errors.fd,
                        cwd="/",
                        env=environment,
                        user=user,
                        group=user,
                        extra_groups=None if user is None else [],
                    )
                finally:
                    os.close(me)
                failed.pop_all()
        except FileNotFoundError as error:
            raise EnvironmentProblem(f"no interpreter to run the lab on: {error}", fix=causes.reinstall()) from error
        except OSError as error:
            raise causes.explain(error) from error
        return cls(process, ours, errors)

    @property
    def usable(self) -> bool:
        """Whether it is this process's (not that of a process that forked us) and has not ended."""
        return self._close.alive and self._owner == os.getpid() and self._process.poll() is None

    def wait(self) -> float:
        """Wait until it can fork labs; return the seconds that it needed.

        Raises:
            EnvironmentProblem: This machine does not let it; the error says what mends that.
            BringUpFailed: It broke.
        """
        with self._lock:
            if self._ready is None:
                self._ready, _ = wire.recv(self._sock, NurseryReady | Failed)
            if self._ready is None:
                raise BringUpFailed(f"the lab's first process ended at once:\n{self._errors.text()}")
            if isinstance(self._ready, Failed):
                raise error_in(self._ready)
            return self._ready.seconds

    def lab(self, *, shared: Sequence[str] = (), furnishing: str = FURNISHING) -> Lab:
        """Fork a lab and return it when it answers.

        Args:
            shared: Folders that stay visible in the lab's hosts although they lie in /tmp, /run or /dev/shm, of which
                a lab has its own.
            furnishing: The module that says what the lab can be asked.
        """
        self.wait()
        with contextlib.ExitStack() as sent, contextlib.ExitStack() as failed:
            try:
                errors = LastWords()
                control, their_control = _pair(failed, sent)
                life, their_life = _pair(failed, sent)
                me = os.pidfd_open(os.getpid())
            except OSError as error:
                raise causes.explain(error) from error
            sent.callback(os.close, me)
            fork = Fork(shared=[boot.HOME, sys.prefix, *shared], furnishing=furnishing)
            try:
                wire.send(self._sock, fork, [their_control.fileno(), their_life.fileno(), me, errors.fd])
            except OSError as error:
                raise BringUpFailed(f"the nursery has ended:\n{self._errors.text()}") from error
            failed.pop_all()
        return Lab(control, life, errors)

    def close(self) -> None:
        """End the nursery, and with it every lab that it forked."""
        self._close()


class Lab:
    """A running lab. Closing it, dropping it or ending this process ends it; nothing of it stays."""

    def __init__(self, control: socket.socket, life: socket.socket, errors: LastWords) -> None:
        """Wait for the first word of the lab behind ``control``, which lives while ``life`` does."""
        self._errors = errors
        self.channel = Channel(control, epitaph=errors.epitaph)
        try:
            ready, (init,) = self.channel.first(Ready)
        except BaseException:
            life.close()
            self.channel.close()
            raise
        self.marks = ready.marks
        self._rope = Rope(self.channel, life, init, errors)
        self._dropped = weakref.finalize(self, self._rope.let_go)

    def ask(self, request: Request, form: type[A], fds: Sequence[int] = (), *, timeout_s: float | None = None) -> A:
        """Return the answer to ``request``, of type ``form`` (see ``Channel.ask``)."""
        return self.channel.ask(request, form, fds, timeout_s=timeout_s)

    def order(self, request: Request, fds: Sequence[int] = ()) -> None:
        """Have ``request`` carried out, of which there is nothing to tell."""
        self.ask(request, Done, fds)

    def ping(self) -> Pong:
        """Return the lab's sign of life."""
        return self.ask(Ping(), Pong)

    def host(self, name: str) -> Host:
        """Return the host called ``name``, to run programs in; whether it exists is found out then."""
        return Host(self.channel, name)

    def command_line(self) -> None:
        """Give this process's terminal to Mininet's own command line until its user leaves it."""
        terminal.command_line(self.channel)

    @property
    def notices(self) -> Sequence[Notice]:
        """What happened unasked (the end of the cloud process), as far as it came before the last answer."""
        return tuple(self.channel.notices)

    @property
    def alive(self) -> bool:
        """Whether the lab is there, as far as anybody can see."""
        return self._dropped.alive and not self.channel.drained()

    @property
    def errors(self) -> str:
        """What the lab's processes wrote to their standard error."""
        return self._errors.text()

    def close(self, *, wait: bool = True) -> None:
        """End the lab.

        Args:
            wait: Until nothing of it is left. Else until its network process is dead: no packet moves any more, and the
                kernel frees the rest in its own time (a tenth of a second when packets were captured).

        Raises:
            TearDownFailed: Its processes are still there after 10 s, although killed.
        """
        if self._dropped.detach() is not None:
            self._rope.let_go(wait=wait)

    def __enter__(self) -> Self:
        """Return the lab."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the lab."""
        self.close()


def _pair(failed: contextlib.ExitStack, sent: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, the first closed by ``failed``, the second by ``sent``."""
    ours, theirs = wire.pair()
    return failed.enter_context(ours), sent.enter_context(theirs)


def _end_nursery(process: subprocess.Popen[bytes], sock: socket.socket, owner: int) -> None:
    """End a nursery and reap it; also run when this process ends. Only the process that started it may."""
    if owner != os.getpid():
        process.returncode = 0  # not our child: nothing to reap, nothing to warn of
        sock.close()
        return
    with contextlib.suppress(OSError):  # it has ended already
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
    try:
        process.wait(_PATIENCE_S / 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_PATIENCE_S)


class _Own:
    """This process's nursery. The one thing that is the process's and not an object's: imports are paid for once."""

    def __init__(self) -> None:
        self.watched = False
        self.begin()

    def begin(self) -> None:
        """Hold nothing; also right in a forked child, where the lock may belong to a thread that is not there."""
        self.lock = threading.Lock()
        self.nursery: Nursery | None = None


_own: Final = _Own()


def shared() -> Nursery:
    """Return this process's own nursery, started (not waited for) when there is none that can be used.

    A forked child gets its own: the parent's would end with the parent.
    """
    with _own.lock:
        if not _own.watched:
            os.register_at_fork(after_in_child=_own.begin)
            _own.watched = True
        if _own.nursery is None or not _own.nursery.usable:
            _own.nursery = Nursery.start()
        return _own.nursery
