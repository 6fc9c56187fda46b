"""The network process: a loop in a thread answers requests, the main thread is free for Mininet's command line.

This module is the dispatch only: requests run concurrently, each gets exactly one answer or ``Failed``, and the end of
an attached lab's control socket ends the process. What a request means is said by the handlers that other modules
register; Mininet, filters and probes are ``lab.net`` and ``lab.measure``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import queue
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import msgspec

from lab import wire
from lab.connection import Connection
from lab.errors import CloudEnded, EnvironmentProblem, LiveError, PelabError
from lab.kernel.limits import open_files
from lab.live.cloud import Cloud
from lab.live.protocol import Answer, Failed, Head, Notice, Ping, Pong, Ready, Request, failed, kebab, with_id

R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with descriptors, which are closed once they are sent."""

    answer: Answer
    fds: Sequence[int]


@dataclass(slots=True)
class Context:
    """Around one request: who asked, and the descriptors that came with it (closed afterwards unless taken)."""

    connection: Connection
    fds: list[int] = field(default_factory=list)

    def need(self, count: int) -> None:
        """Make sure that ``count`` descriptors came."""
        if len(self.fds) != count:
            raise LiveError(f"{len(self.fds)} descriptors came with the request, {count} are needed")

    def take(self) -> list[int]:
        """Return the descriptors, which the handler owns from now on."""
        taken, self.fds = self.fds, []
        return taken


Handler = Callable[[Any, Context], Awaitable[Answer | Reply]]


class Network:
    """Who answers which request, and everybody who asks. Made inside the running loop."""

    def __init__(self, *, cloud: socket.socket) -> None:
        """Begin with the request that every lab answers, ``Ping``; ``cloud`` is the socket to the cloud process."""
        # work for the main thread, such as a command line: callables that handle their own errors
        self.main_thread: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._handlers: dict[str, tuple[type[Request], Handler, bool]] = {}
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.cloud = Cloud(cloud, ended=self._cloud_ended)
        self.on(Ping, self._ping)

    def on(
        self, form: type[R], handler: Callable[[R, Context], Awaitable[Answer | Reply]], *, needs_cloud: bool = False
    ) -> None:
        """Have ``handler`` answer requests of type ``form``.

        The handler's answer needs no ``id``. An error of the ``PelabError`` tree reaches the client as itself, any
        other as a ``LiveError`` with its traceback. With ``needs_cloud``, an answer is withheld when the cloud process
        has ended: a door that nobody serves refuses everybody, which must not be read as a verdict.
        """
        self._handlers[kebab(form.__name__)] = (form, handler, needs_cloud)

    def connect(self, sock: socket.socket, *, last: bool) -> Connection:
        """Serve the client behind ``sock``; with ``last``, its end is the lab's."""

        def ended() -> None:
            self._connections.remove(connection)
            if last:
                leave(0)

        connection = Connection(sock, received=lambda data, fds: self._received(connection, data, fds), ended=ended)
        self._connections.append(connection)
        return connection

    def notify(self, notice: Notice) -> None:
        """Tell every client, before its next answer."""
        for connection in self._connections:
            connection.send(notice)

    def _received(self, connection: Connection, data: bytes, fds: list[int]) -> None:
        """Answer one request in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(connection, data, fds))
        # the loop itself keeps only weak references
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: Connection, data: bytes, fds: list[int]) -> None:
        """Find the handler, run it, send what it says."""
        number, context = 0, Context(connection, fds)
        try:
            head: Head = wire.decode(data, Head)
            number = head.id
            reply = await self._handle(head.type, data, context)
            connection.send(with_id(reply.answer, number), reply.fds)
            wire.close(reply.fds)
        except PelabError as error:
            connection.send(failed(error, id=number))
        except msgspec.MsgspecError as error:
            connection.send(Failed(id=number, kind="live", text=f"the request cannot be read: {error}"))
        except Exception as error:  # noqa: BLE001 - a handler's mistake must reach the client, and must not end the lab
            if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
                problem = EnvironmentProblem("the lab has too many open files", fix=open_files())
                connection.send(failed(problem, id=number))
                return
            text = traceback.format_exc()
            connection.send(Failed(id=number, kind="live", text=f"the lab broke:\n{text}"))
            with contextlib.suppress(OSError):  # the lab's last words have a limit
                print(text, file=sys.stderr, flush=True)
        finally:
            wire.close(context.fds)

    async def _handle(self, tag: str, data: bytes, context: Context) -> Reply:
        """Return what the handler of ``tag`` says."""
        if (found := self._handlers.get(tag)) is None:
            raise LiveError(f"this lab does not understand {tag!r}: was it started by another version?")
        form, handler, needs_cloud = found
        try:
            said = await handler(wire.decode(data, form), context)
        except LiveError as error:
            # whatever went wrong, this explains it
            raise (self._ended() if needs_cloud and not self.cloud.alive else error) from error
        if needs_cloud and not self.cloud.alive:
            raise self._ended()
        return said if isinstance(said, Reply) else Reply(answer=said, fds=())

    @staticmethod
    def _ended() -> CloudEnded:
        return CloudEnded("the cloud process ended, so its doors refuse everybody")

    def _cloud_ended(self) -> None:
        """The cloud process ended unasked: every client hears it; the lab lives on."""
        self.notify(Notice(kind="cloud-ended", text="the cloud process ended; see the lab's errors"))

    async def _ping(self, _request: Ping, _context: Context) -> Pong:
        """Answer that the process is there."""
        return Pong(pid=os.getpid(), threads=threading.active_count())


def leave(status: int) -> NoReturn:
    """End this process, and with it the lab, from any thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(
    furnish: Callable[[Network], None],
    *,
    control: socket.socket,
    cloud: socket.socket,
    init: int,
    marks: dict[str, float],
    started: float,
) -> NoReturn:
    """Be the network process.

    Args:
        furnish: Registers every handler, in the running loop.
        control: The socket to the client.
        cloud: The socket to the cloud process.
        init: A pidfd of the lab's init, for the client to watch.
        marks: Seconds from the request to fork, by what was done then; goes on in ``Ready``.
        started: When the fork was asked for (monotonic).
    """
    control = _closed_first(control)
    work: queue.SimpleQueue[Callable[[], None]] | None = None
    made = threading.Event()

    async def serve() -> None:
        nonlocal work
        network = Network(cloud=cloud)
        furnish(network)
        client = network.connect(control, last=True)
        work = network.main_thread
        made.set()
        marks["ready"] = time.monotonic() - started
        client.send(Ready(marks=marks), [init])
        os.close(init)
        await asyncio.Event().wait()

    def loop() -> None:
        try:
            asyncio.run(serve())
        except BaseException:  # noqa: BLE001 - the top of the thread that is the lab
            traceback.print_exc()
        leave(1)

    threading.Thread(target=loop, name="pelab loop", daemon=True).start()
    made.wait()
    assert work is not None
    while True:
        work.get()()


def _closed_first(sock: socket.socket) -> socket.socket:
    """Return ``sock`` under a high descriptor: when a process ends, the kernel closes the highest first.

    So the client hears of the end at once, and not after sockets whose closing takes the kernel 13 ms each.
    """
    highest = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1024) - 1
    with sock:
        return wire.adopt(fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, highest))
