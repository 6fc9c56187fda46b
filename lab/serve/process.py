"""The cloud process: the services of one lab, told by the network process what to do, reachable by its listeners.

It needs no capability and knows no host and no namespace: listeners arrive as descriptors. It ends when the
network process does.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import msgspec
import uvloop

from lab import wire
from lab.connection import Connection
from lab.model.plane import Surface
from lab.serve import messages, pki
from lab.serve.cloud import IGNORE_POLICY, Cloud
from lab.serve.doors import Doors
from lab.serve.http import SURFACES, protocol_settings
from lab.services.kms import rules

_CLOSE_LISTENER, _LYING_LOG = "close-listener:", "lying-log:"
_IGNORE_POLICY_ON = f"{IGNORE_POLICY}:"
_DEAF_OPERATOR, _DROP_POLICY, _ENFORCE_DELETED = "deaf-operator", "drop-policy", "enforce-deleted"


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
        self._faults: set[str] = set()

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
                self._sabotage(request.name)
            case messages.Close():
                await self._doors.close()
            case messages.Provision() if _DROP_POLICY in self._faults:
                self._cloud.obey(msgspec.structs.replace(request, allowed_network=None))
            case messages.Restore() if _DROP_POLICY in self._faults:
                self._cloud.obey(request)
                if (restored := self._cloud.instances.by_guid(request.guid)) is not None:
                    restored.policy = None
            case _:
                if _DEAF_OPERATOR not in self._faults:
                    self._cloud.obey(request)
        return messages.Done(id=request.id)

    def _sabotage(self, name: str) -> None:
        """Break one thing from now on (``lab.live.sabotage`` says what each fault is for)."""
        if name == IGNORE_POLICY:
            self._cloud.enforced_on.clear()
        elif name.startswith(_IGNORE_POLICY_ON):
            self._cloud.enforced_on.remove(Surface(name.removeprefix(_IGNORE_POLICY_ON)))
        elif name in {_DEAF_OPERATOR, _DROP_POLICY}:
            self._faults.add(name)
        elif name == _ENFORCE_DELETED:
            refuses = rules.policy_refuses
            rules.policy_refuses = lambda policy, plane, **_deleted: refuses(policy, plane, deleted=False)
        elif name.startswith(_CLOSE_LISTENER):
            self._doors.close_listener(name.removeprefix(_CLOSE_LISTENER))
        elif name.startswith(_LYING_LOG):
            self._cloud.sink = partial(self._lie, name.removeprefix(_LYING_LOG))
        else:
            known = (
                *(IGNORE_POLICY, f"{_IGNORE_POLICY_ON}<surface>", _DEAF_OPERATOR, _DROP_POLICY, _ENFORCE_DELETED),
                *(f"{_CLOSE_LISTENER}<door>", f"{_LYING_LOG}<field>"),
            )
            raise ValueError(f"no fault named {name!r}; there are: {', '.join(known)}")

    def _lie(self, field: str, line: str) -> None:
        self._log(msgspec.json.encode({**msgspec.json.decode(line), field: "a lie"}).decode())

    def _log(self, line: str) -> None:
        self._network.send(messages.Log(line=line))
