"""Keeps a lab up under a name: in the foreground by ``kept``, or detached by a process of its own.

A detached lab's keeper is a client like any other: it has its own nursery, and its end, however it comes, is the lab's.
It leads a session of its own and stands in ``/``, so neither a terminal nor a folder holds it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import setproctitle

from lab import wire
from lab.errors import BringUpFailed, PelabError, TearDownFailed
from lab.kernel import namespaces as ns
from lab.live import boot, causes
from lab.live.channel import LabEnded
from lab.live.claim import Claim
from lab.live.client import LiveLab
from lab.live.entry import Entry, begun, here, keeper_of
from lab.live.lastwords import LastWords
from lab.live.protocol import Admit, Failed, error_in, failed, kebab
from lab.live.registry import Registry
from lab.live.rope import ended
from lab.model.world import World

_PULSE_S: Final = 60.0
_PATIENCE_S: Final = 15.0


class Keep(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """Bring ``world`` up and keep it. ``registry`` is the folder in which it is found, ``shared`` as in ``LiveLab``."""

    registry: str
    name: str
    topology: str
    settings: list[str]
    world: World
    shared: list[str]
    pulse_s: float = _PULSE_S


class Kept(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """It stands; it will stay once ``Settled`` comes."""

    entry: Entry


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """Whoever asked for it has heard: from now on nobody but ``end`` ends it."""


@contextlib.contextmanager
def kept(claim: Claim, world: World, *, shared: list[str]) -> Iterator[LiveLab]:
    """Bring ``world`` up under a claimed name, for others to find, as long as the block runs."""
    with claim, LiveLab(world, shared=shared) as lab:
        with claim.stand(list(world.hosts)) as listener:
            lab.lab.order(Admit(), [listener.fileno()])
        yield lab


def detach(request: Keep) -> Entry:
    """Have ``request`` carried out by a process of its own, and return what it says once it stands.

    Raises:
        ModelError: A lab of this name is up.
        EnvironmentProblem: This machine cannot.
        BringUpFailed: It broke; nothing of it is left.
    """
    try:
        errors = LastWords()
        ours, theirs = wire.pair()
        with theirs:
            keeper = _start(theirs, errors)
    except OSError as error:
        raise causes.explain(error) from error
    with ours:
        try:
            wire.send(ours, request)
            answer: Kept | Failed | None
            answer, _ = wire.recv(ours, Kept | Failed)
            if isinstance(answer, Kept):
                wire.send(ours, Settled())
                keeper.returncode = 0  # nobody's child from now on: nothing to reap, nothing to warn of
                return answer.entry
        except OSError as error:
            raise BringUpFailed(f"the lab's keeper ended at once:\n{errors.text()}") from error
        finally:
            if keeper.returncode is None:
                _give_up(keeper)  # also when we were interrupted
    if answer is None:
        raise BringUpFailed(f"the lab's keeper ended:\n{errors.text()}")
    raise error_in(answer)


def _start(conn: socket.socket, errors: LastWords) -> subprocess.Popen[bytes]:
    """Start a keeper in a session of its own, which holds no folder and no terminal."""
    return subprocess.Popen(
        boot.command("lab.live.keeper", conn.fileno()),
        pass_fds=[conn.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=errors.fd,
        stderr=errors.fd,
        cwd="/",
        env=boot.environment(),
        start_new_session=True,
    )


def _give_up(keeper: subprocess.Popen[bytes]) -> None:
    """End a keeper of which nobody was told. It would do so itself, but who asks next must find nothing."""
    keeper.terminate()
    try:
        keeper.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def end(registry: Registry, entry: Entry) -> None:
    """Take a lab down: its keeper is asked, and killed when it does not answer; nothing is left.

    Raises:
        TearDownFailed: Its keeper is still there, or cannot be told from a stranger.
    """
    if not here(entry):
        text = "is kept in another pid namespace (a container's?), or by another version of pelab: take it down there"
        raise TearDownFailed(f"the lab {entry.name!r} {text}")
    try:
        gone = _ended(keeper_of(entry))
    except ProcessLookupError:
        gone = True
    registry.clean()
    now = registry.read(entry.name)
    if not gone or (now is not None and not now.ended and (now.pid, now.born) == (entry.pid, entry.born)):
        raise TearDownFailed(
            f"the lab {entry.name!r} is still there although its keeper (process {entry.pid}) was killed"
        )


def _ended(process: int) -> bool:
    """End the process behind a pidfd, which is closed; tell whether it has ended."""
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if ended(process, _PATIENCE_S):
                return True
        return False
    finally:
        os.close(process)


def main(control: int) -> NoReturn:
    """Be the keeper that ``control`` (a socket) says what to keep."""
    conn = wire.adopt(control)
    signal.signal(signal.SIGTERM, _leave)
    ns.deaf(signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
    request: Keep | None
    request, _ = wire.recv(conn, Keep)
    if request is None:
        sys.exit(1)
    setproctitle.setproctitle(f"pelab keeper of {request.name}")
    try:
        _keep(conn, request)
    except LabEnded:
        sys.exit(1)  # who asks next reads why
    except PelabError as error:
        with contextlib.suppress(OSError):  # nobody waits for it any more
            wire.send(conn, failed(error))
        sys.exit(1)
    sys.exit(0)


def _keep(conn: socket.socket, request: Keep) -> None:
    """Keep a lab until it is told to end."""
    settled = threading.Event()
    with Registry(Path(request.registry)) as registry, contextlib.ExitStack() as stack:
        with _undisturbed():
            threading.Thread(target=_heed, args=[conn, settled], daemon=True).start()
            entry = begun(request.name, request.topology, request.settings, detached=True)
            claim = stack.enter_context(registry.claim(entry))
        with kept(claim, request.world, shared=request.shared) as lab:
            wire.send(conn, Kept(entry=claim.entry))
            settled.wait()
            _watch(claim, lab, request.pulse_s)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Have SIGTERM wait, for threads begun meanwhile too: a name only just taken is nobody's to give up yet."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _heed(conn: socket.socket, settled: threading.Event) -> None:
    """End this process when whoever asked for the lab ends before it has heard that it stands."""
    word, _ = wire.recv(conn, Settled)
    if word is None:
        os.kill(os.getpid(), signal.SIGTERM)
        return
    settled.set()
    conn.close()


def _watch(claim: Claim, lab: LiveLab, pulse_s: float) -> None:
    """Return when nobody can find the lab any more; raise when it has ended, and leave word of that."""
    channel = lab.lab.channel
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while claim.still_found():
        poll.poll(pulse_s * 1000)
        if channel.drained():
            channel.epitaph()  # waits for the lab's last words
            claim.bequeath(lab.lab.errors or "nothing is known of why")
            raise LabEnded


def _leave(number: int, _frame: object) -> NoReturn:
    """Handle a signal by leaving, through every ``finally``; the next one finds it being done."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
