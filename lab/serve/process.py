"""The cloud process: the services of one lab, told by the network process what to do, reachable by its listeners.

It needs no capability and knows no host and no namespace: listeners arrive as descriptors. It ends when the
network process does.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from functools import partial

import msgspec
import uvloop

from lab import wire
from lab.serve import messages, pki
from lab.serve.cloud import IGNORE_POLICY, Cloud
from lab.serve.doors import SURFACES, Doors, protocol_settings

_CLOSE_LISTENER, _LYING_LOG = "close-listener:", "lying-log:"
_DEAF_OPERATOR, _DROP_POLICY = "deaf-operator", "drop-policy"
_Inbox = asyncio.Queue[tuple[messages.Request | None, list[int]] | msgspec.MsgspecError]


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
        runner.run(_Process(network).run())


class _Process:
    """The conversation with the network process: one request at a time, in order, each answered once."""

    def __init__(self, network: socket.socket) -> None:
        network.setblocking(False)
        self._network = network
        self._outbox: deque[messages.Reply | messages.Log] = deque()
        self._cloud = Cloud(self._log)
        self._doors = Doors(self._cloud)
        self._faults: set[str] = set()

    async def run(self) -> None:
        """Answer requests until there are no more."""
        inbox: _Inbox = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._network, self._read, inbox)
        try:
            while True:
                received = await inbox.get()
                if isinstance(received, msgspec.MsgspecError):
                    raise received  # the ends disagree about the protocol; rather end than leave a request unanswered
                request, descriptors = received
                if request is None:
                    return
                self._send(await self._answer(request, descriptors))
                if isinstance(request, messages.Close):
                    return
                if isinstance(request, messages.Prepare):
                    self._doors.load()  # after the answer: the network process has the CA and works meanwhile
        finally:
            loop.remove_reader(self._network)
            await self._doors.close()

    def _read(self, inbox: _Inbox) -> None:
        try:
            inbox.put_nowait(wire.recv(self._network, messages.Request))
        except BlockingIOError:  # woken without a message
            return
        except msgspec.MsgspecError as error:
            inbox.put_nowait(error)

    async def _answer(self, request: messages.Request, descriptors: list[int]) -> messages.Reply:
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            return await self._carry_out(request, sockets)
        except (LookupError, ValueError, OSError) as error:
            for listener in sockets:
                listener.close()
            return messages.Failed(id=request.id, error=f"{type(error).__name__}: {error}")

    async def _carry_out(self, request: messages.Request, sockets: list[socket.socket]) -> messages.Reply:
        match request:
            case messages.Prepare():
                self._doors.prepare(request.doors)
                return messages.Prepared(id=request.id, ca_pem=self._doors.ca_pem)
            case messages.Listen():
                await self._doors.listen(request.door_names, sockets)
            case messages.Fault():
                self._sabotage(request.name)
            case messages.Close():
                await self._doors.close()
            case messages.Provision() if _DROP_POLICY in self._faults:
                self._cloud.obey(msgspec.structs.replace(request, allowed_network=None))
            case _:
                if _DEAF_OPERATOR not in self._faults:
                    self._cloud.obey(request)
        return messages.Done(id=request.id)

    def _sabotage(self, name: str) -> None:
        """Break one thing from now on (``lab.live.sabotage`` says what each fault is for)."""
        if name == IGNORE_POLICY:
            self._cloud.enforce_policy = False
        elif name in {_DEAF_OPERATOR, _DROP_POLICY}:
            self._faults.add(name)
        elif name.startswith(_CLOSE_LISTENER):
            self._doors.close_listener(name.removeprefix(_CLOSE_LISTENER))
        elif name.startswith(_LYING_LOG):
            self._cloud.sink = partial(self._lie, name.removeprefix(_LYING_LOG))
        else:
            known = (IGNORE_POLICY, _DEAF_OPERATOR, _DROP_POLICY, f"{_CLOSE_LISTENER}<door>", f"{_LYING_LOG}<field>")
            raise ValueError(f"no fault named {name!r}; there are: {', '.join(known)}")

    def _lie(self, field: str, line: str) -> None:
        self._log(msgspec.json.encode({**msgspec.json.decode(line), field: "a lie"}).decode())

    def _log(self, line: str) -> None:
        self._send(messages.Log(line=line))

    def _send(self, message: messages.Reply | messages.Log) -> None:
        """Send ``message`` in its turn; when the reader is slow it waits here, and callers do not."""
        if self._outbox or not self._sent(message):
            self._outbox.append(message)
            asyncio.get_running_loop().add_writer(self._network, self._flush)

    def _flush(self) -> None:
        while self._outbox and self._sent(self._outbox[0]):
            self._outbox.popleft()
        if not self._outbox:
            asyncio.get_running_loop().remove_writer(self._network)

    def _sent(self, message: messages.Reply | messages.Log) -> bool:
        try:
            wire.send(self._network, message)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            pass  # nobody is there to read it; the end arrives through the reader
        return True
