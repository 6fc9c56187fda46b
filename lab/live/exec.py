"""Programs in hosts: started by one thread for life, on descriptors that the client passed, watched by pidfd.

A child inherits the namespaces of the thread that starts it, so one thread moves from host to host and starts them all:
no ``preexec_fn`` (which would fork 60 MB), no ``nsenter``. It knows no terminal: the client makes one and passes it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import queue
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import Final

from lab.connection import Connection
from lab.errors import LiveError, ProgramNotStarted
from lab.kernel import namespaces as ns
from lab.kernel import processes
from lab.live.network import Context, Network, Reply
from lab.live.protocol import Await, Done, Exited, Signal, Spawn, Spawned
from lab.net.hosts import Hosts, Namespaces

# leads a session, and makes its standard input the terminal of that session: job control, Ctrl-C
_WITH_TERMINAL: Final = ("setsid", "--ctty")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A program to start."""

    where: Namespaces
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    terminal: bool
    standard: list[int]
    started: concurrent.futures.Future[subprocess.Popen[bytes]]


class Spawner:
    """The thread that starts programs."""

    def __init__(self) -> None:
        """Start it; it lives as long as the process."""
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="pelab spawner", daemon=True).start()

    async def start(
        self,
        where: Namespaces,
        arguments: list[str],
        *,
        environment: dict[str, str],
        standard: list[int],
        folder: str = "/",
        terminal: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program inside ``where`` on the three descriptors ``standard``, which stay open here.

        Raises:
            OSError: What ``subprocess.Popen`` raises.
        """
        started: concurrent.futures.Future[subprocess.Popen[bytes]] = concurrent.futures.Future()
        job = _Job(
            where=where,
            arguments=arguments,
            environment=environment,
            folder=folder,
            terminal=terminal,
            standard=standard,
            started=started,
        )
        self._jobs.put(job)
        return await asyncio.wrap_future(started)

    def _run(self) -> None:
        """Start one program after the other."""
        # else a mount namespace cannot be entered: the other threads share the file-system state
        ns.unshare(ns.CLONE_FS)
        while True:
            job = self._jobs.get()
            if not job.started.set_running_or_notify_cancel():
                continue  # nobody wants it any more
            try:
                job.started.set_result(_start(job))
            except Exception as error:  # noqa: BLE001 - handed over whole to whoever asked
                job.started.set_exception(error)


def _start(job: _Job) -> subprocess.Popen[bytes]:
    """Start ``job`` from this thread, inside its host."""
    job.where.enter()
    arguments = [*_WITH_TERMINAL, *job.arguments] if job.terminal else job.arguments
    return subprocess.Popen(
        arguments,
        stdin=job.standard[0],
        stdout=job.standard[1],
        stderr=job.standard[2],
        env=job.environment,
        cwd=job.folder,
        start_new_session=not job.terminal,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A program that was started: in which host, who asked for it, and the status it will end with."""

    host: str
    arguments: list[str]
    popen: subprocess.Popen[bytes]
    connection: Connection
    status: asyncio.Future[int]


class Programs:
    """Answers ``Spawn``, ``Await`` and ``Signal``."""

    def __init__(self, network: Network, hosts: Hosts) -> None:
        """Register with ``network``; ``hosts`` knows where a program must run."""
        self._hosts = hosts
        self._spawner = Spawner()
        self._numbers = itertools.count(1)
        self._running: dict[int, _Running] = {}
        self._clients: set[Connection] = set()
        network.on(Spawn, self.spawn)
        network.on(Await, self.wait)
        network.on(Signal, self.signal)

    async def spawn(self, request: Spawn, context: Context) -> Reply:
        """Start a program; it is killed when the client that asked for it ends."""
        context.need(3)
        if not request.arguments:
            raise ProgramNotStarted("no program was named")
        try:
            popen = await self._spawner.start(
                self._hosts.namespaces_of(request.host),
                request.arguments,
                environment={**self._hosts.environment_of(request.host), **request.environment},
                standard=context.fds,
                folder=request.folder,
                terminal=request.terminal,
            )
        except FileNotFoundError as error:
            if error.filename == request.folder:
                text = f"{request.host}: there is no folder {request.folder} in this lab, which has a /tmp of its own"
                raise ProgramNotStarted(f"{text}: cd elsewhere, or bring it up from there") from error
            where = "there" if "/" in request.arguments[0] else "on its PATH"
            text = f"{request.host}: {request.arguments[0]!r} cannot be started: no such program {where}"
            raise ProgramNotStarted(text) from error
        except (OSError, ValueError) as error:
            raise ProgramNotStarted(f"{request.host}: {request.arguments[0]!r} cannot be started: {error}") from error
        number = next(self._numbers)
        pidfd = self._watch(number, request, popen, context.connection)
        return Reply(answer=Spawned(process=number, pid=popen.pid), fds=[os.dup(pidfd)])

    async def wait(self, request: Await, _context: Context) -> Exited:
        """Answer with the status when the program has ended; asked once for each."""
        running = self._find(request.process)
        # several requests may wait, and one that is cancelled must not cancel the others
        status = await asyncio.shield(running.status)
        self._running.pop(request.process, None)
        return Exited(status=status)

    async def signal(self, request: Signal, _context: Context) -> Done:
        """Send a signal to the program and what it started in its group; one that has ended hears nothing."""
        _kill(self._find(request.process), request.number)
        return Done()

    def running(self) -> list[tuple[str, list[str]]]:
        """Return each program that was started and has not ended: its host and its arguments."""
        return [(one.host, list(one.arguments)) for one in self._running.values() if one.popen.returncode is None]

    async def end(self, host: str) -> None:
        """Kill every process that is in ``host``, daemons and shells included; LiveError if they do not end."""
        where = self._hosts.namespaces_of(host)
        try:
            await asyncio.to_thread(processes.end, (where.network, where.mounts, where.names))
        except TimeoutError as error:
            raise LiveError(f"{host}: {error}") from error

    def _watch(self, number: int, request: Spawn, popen: subprocess.Popen[bytes], connection: Connection) -> int:
        """Learn of the program's end by its pidfd, which is returned, and of the client's."""
        loop = asyncio.get_running_loop()
        running = _Running(
            host=request.host,
            arguments=request.arguments,
            popen=popen,
            connection=connection,
            status=loop.create_future(),
        )
        self._running[number] = running
        pidfd = os.pidfd_open(popen.pid)

        def ended() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            running.status.set_result(popen.wait())

        loop.add_reader(pidfd, ended)
        if connection not in self._clients:
            self._clients.add(connection)
            connection.on_end(lambda: self._abandoned(connection))
        return pidfd

    def _abandoned(self, connection: Connection) -> None:
        """The client ended: so do its programs, except what made itself a daemon in a session of its own."""
        self._clients.discard(connection)
        for number, running in list(self._running.items()):
            if running.connection is connection:
                _kill(running, signal.SIGKILL)
                del self._running[number]

    def _find(self, process: int) -> _Running:
        """Return the program that a request names."""
        if (running := self._running.get(process)) is None:
            raise LiveError(f"no program {process} was started here, or its end was told already")
        return running


def _kill(running: _Running, number: int) -> None:
    """Send ``number`` to the program's group, unless it was reaped: its pid may be another's then."""
    if running.popen.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):  # it has only just been started, or is just ending
        os.killpg(running.popen.pid, number)
