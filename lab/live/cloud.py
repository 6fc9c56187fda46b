"""The network process's side of the cloud process: ask it, hear its log, see its end.

It decides nothing and starts nothing; the cloud process is ``lab.serve.process``, forked by ``lab.live.init``.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from lab import wire
from lab.connection import Connection
from lab.errors import CloudEnded, LiveError
from lab.live import causes
from lab.live.protocol import with_id
from lab.serve.messages import Done, Failed, FromCloud, Log, Prepared, Request

_BUDGET_S: Final = 20.0
"""A lab's certificates for hundreds of instances take two."""


class Cloud:
    """The cloud process, as the network process sees it. Made inside the running loop."""

    def __init__(self, sock: socket.socket, *, ended: Callable[[], None]) -> None:
        """Talk to the cloud process behind ``sock``; ``ended`` is called when it has ended unasked."""
        self._listeners: list[Callable[[str], None]] = []
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Done | Prepared]] = {}
        self._told = ended
        self._connection = Connection(sock, received=self._heard, ended=self._over)

    @property
    def alive(self) -> bool:
        """Whether the cloud process is there."""
        return self._connection.open

    def on_log(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with each log line, from now on."""
        self._listeners.append(listener)

    async def ask(self, request: Request, fds: Sequence[int] = ()) -> Done | Prepared:
        """Return the answer to ``request``, whose ``id`` is set here; ``fds`` ride along and stay open here.

        Raises:
            CloudEnded: There is no cloud process any more.
            EnvironmentProblem: The machine did not let it: too few open files.
            LiveError: It could not do it.
        """
        if not self.alive:
            raise CloudEnded("the cloud process has ended")
        number = next(self._ids)
        future: asyncio.Future[Done | Prepared] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._connection.send(with_id(request, number), fds)
            async with asyncio.timeout(_BUDGET_S):
                return await future
        except TimeoutError as error:
            raise LiveError(f"the cloud process did not answer in {_BUDGET_S:.0f} s") from error
        finally:
            self._waiting.pop(number, None)

    def _heard(self, data: bytes, fds: list[int]) -> None:
        """Sort one message: a log line, or the answer somebody waits for."""
        wire.close(fds)
        try:
            message: FromCloud = wire.decode(data, FromCloud)
        except msgspec.MsgspecError as error:
            self._connection.close()  # whoever waits must hear that nothing will come
            raise LiveError(f"the cloud process said something unknown: {error}") from error
        match message:
            case Log():
                for listener in self._listeners:
                    listener(message.line)
            case Failed():
                for number in [message.id] if message.id else list(self._waiting):
                    self._fail(number, message)
            case _:
                if (future := self._waiting.get(message.id)) is not None and not future.done():
                    future.set_result(message)

    def _fail(self, number: int, message: Failed) -> None:
        """Tell whoever waits for the answer ``number`` that there is none; a limit of the machine is named."""
        exhausted = message.errno in {errno.EMFILE, errno.ENFILE}
        error = causes.explain(OSError(message.errno, message.error)) if exhausted else LiveError(message.error)
        if (future := self._waiting.get(number)) is not None and not future.done():
            future.set_exception(error)

    def _over(self) -> None:
        """Fail everything that still waits, and tell."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(CloudEnded("the cloud process has ended"))
        self._told()
