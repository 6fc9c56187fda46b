"""The cloud process: the services of one lab, told by the network process what to do, reachable by its listeners.

It needs no capability and knows no host and no namespace: listeners arrive as descriptors. It ends when the
network process does.
"""

from __future__ import annotations

import asyncio
import socket

import uvloop

from lab import wire
from lab.connection import Connection
from lab.serve import messages, pki
from lab.serve.cloud import Cloud
from lab.serve.doors import Doors
from lab.serve.faults import Faults
from lab.serve.http import SURFACES, protocol_settings


def preload() -> None:
    """Do before the fork what every lab would do again: imports, routes, protocol settings, OpenSSL's tables.

    Draws no randomness, starts no thread and makes no TLS context: labs of one nursery must not share a draw.
    """
    pki.warm_up()
    for surface in SURFACES:
        protocol_settings(surface)


def main(network: socket.socket) -> None:
    """Serve until the other end of ``network`` closes, or asks for the end; ``network`` is closed here."""
    with network, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(network))


async def _serve(network: socket.socket) -> None:
    await _Process(network).run()


class _Process:
    """The conversation with the network process: one request at a time, in order, each answered once."""

    def __init__(self, network: socket.socket) -> None:
        """Talk over ``network``. Made inside the running loop."""
        self._inbox: asyncio.Queue[tuple[bytes, list[int]] | None] = asyncio.Queue()
        self._network = Connection(
            network,
            received=lambda data, fds: self._inbox.put_nowait((data, fds)),
            ended=lambda: self._inbox.put_nowait(None),
            lost=self._lost,
        )
        self._cloud = Cloud(self._log)
        self._doors = Doors(self._cloud)
        self._faults = Faults(self._cloud, self._doors, self._log)

    async def run(self) -> None:
        """Answer requests until there are no more."""
        try:
            while (received := await self._inbox.get()) is not None:
                data, descriptors = received
                # should the ends disagree about the protocol, rather end than leave a request unanswered
                request: messages.Request = wire.decode(data, messages.Request)
                self._network.send(await self._answer(request, descriptors))
                if isinstance(request, messages.Close):
                    return
                if isinstance(request, messages.Prepare):
                    self._doors.load()  # after the answer: the network process has the CA and works meanwhile
        finally:
            await self._doors.close()
            self._network.close()

    def _lost(self, error: OSError) -> None:
        """Say why this process ends: a request came without its descriptors, and which one nobody can tell."""
        self._network.send(messages.Failed(id=0, error=error.strerror or str(error), errno=error.errno or 0))

    async def _answer(self, request: messages.Request, descriptors: list[int]) -> messages.Reply:
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            return await self._carry_out(request, sockets)
        except (LookupError, ValueError, OSError) as error:
            for listener in sockets:
                listener.close()
            number = error.errno if isinstance(error, OSError) else None
            return messages.Failed(id=request.id, error=f"{type(error).__name__}: {error}", errno=number or 0)

    async def _carry_out(self, request: messages.Request, sockets: list[socket.socket]) -> messages.Reply:
        match request:
            case messages.Prepare():
                self._doors.prepare(request.doors)
                return messages.Prepared(id=request.id, ca_pem=self._doors.ca_pem)
            case messages.Listen():
                await self._doors.listen(request.door_names, sockets)
            case messages.Fault():
                self._faults.add(request.name, request.target)
            case messages.Close():
                await self._doors.close()
            case _:
                self._faults.obey(request)
        return messages.Done(id=request.id)

    def _log(self, line: str) -> None:
        self._network.send(messages.Log(line=line))
