"""GREP11's doors: one gRPC call from arrival to log line and answer, and the listeners that carry calls here.

A call's plane is that of the door that its listener belongs to, on every call anew: a policy that was acknowledged
holds on channels that were open before. What is answered is decided by ``lab.services.ep11``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from grpclib.const import Cardinality, Handler
from grpclib.const import Status as GrpcStatus
from grpclib.encoding.base import CodecBase, StatusDetailsCodecBase
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from lab.grep11 import Status
from lab.model.plane import Surface
from lab.serve import log
from lab.serve.exchange import BODY_LIMIT, IDLE_S, Site
from lab.services.ep11 import api

_UNREADABLE = b"\xff"
"""What no operation can read: it is answered as such, after the door's checks, like any other message."""
_PREFIX = struct.Struct("!?I")
"""Before a message: whether it is compressed, and how long it is."""
_REQUEST_IDS = ("correlation-id", "x-correlation-id", "transaction-id")


def answer(
    site: Site, path: str, operation: api.Operation, metadata: Mapping[str, Any], body: bytes, caller: tuple[str, int]
) -> api.Answer:
    """Answer one call that arrived at ``site`` in one step, and write its log line before anybody has the answer."""
    door, cloud = site.door, site.cloud
    bearer, level = cloud.bearer(str(metadata.get("authorization", "")))
    instance = cloud.instances.by_name(door.instance or "")
    call = api.Call(
        plane=door.plane,
        account=bearer.account if bearer else None,
        level=level,
        body=body,
        draw=cloud.draw,
        enforce=Surface.EP11 in cloud.enforced_on,
    )
    given = api.answer(instance, operation, call)
    number = next((str(metadata[name]) for name in _REQUEST_IDS if metadata.get(name)), "")
    line = log.Line(
        request_id=number[:128] or cloud.draw(16).hex(),
        time=cloud.clock(),
        door=door.name,
        surface=door.surface,
        plane=door.plane,
        caller=caller[0],
        caller_port=caller[1],
        subject=bearer.subject if bearer else "",
        method="POST",
        path=path,
        operation=operation.name,
        instance=instance.guid if instance else "",
        decision="allow" if given.status is Status.OK else "deny",
        rule=given.rule,
        status=given.status.value,
    )
    log.write(cloud.sink, line)
    return given


class _Raw(CodecBase):
    """Leaves messages as they are: the service reads them after the door's checks, not before."""

    __content_subtype__ = "proto"

    def encode(self, message: bytes, message_type: Any) -> bytes:
        """Return ``message``."""
        return message

    def decode(self, data: bytes, message_type: Any) -> bytes:
        """Return ``data``."""
        return data


class _Details(StatusDetailsCodecBase):
    """Leaves a status's details as the service made them."""

    def encode(self, status: Any, message: str | None, details: bytes) -> bytes:
        """Return ``details``."""
        return details

    def decode(self, status: Any, message: str | None, data: bytes) -> bytes:
        """Return ``data``."""
        return data


class _Crypto:
    """The service ``grep11.Crypto`` behind one door."""

    def __init__(self, site: Site) -> None:
        """Answer what arrives at ``site``."""
        self._site = site
        self._handlers = {
            path: Handler(partial(self._handle, path, operation), Cardinality.UNARY_UNARY, None, None)
            for path, operation in api.OPERATIONS.items()
        }

    def __mapping__(self) -> dict[str, Handler]:
        """Return a handler for each function, as grpclib asks for it."""
        return self._handlers

    async def _handle(self, path: str, operation: api.Operation, stream: Stream[bytes, bytes]) -> None:
        body = await _message(stream)
        if body is None:  # the client ended the call before it had asked
            await stream.cancel()
            return
        host, port = (stream.peer.addr() or ("", 0))[:2]
        given = answer(self._site, path, operation, stream.metadata or {}, body, (host, port))
        if given.status is Status.OK:
            await stream.send_message(given.body)
            return
        await stream.send_trailing_metadata(
            status=GrpcStatus(given.status.value), status_message=given.text, status_details=given.details
        )


async def _message(stream: Stream[bytes, bytes]) -> bytes | None:
    """Return a call's message, None if there is none; ``_UNREADABLE`` if it is none, or longer than anyone may send.

    grpclib's own reading takes any length: who may not come in could fill the memory.
    """
    received = stream._stream  # noqa: SLF001 - it says nowhere how long a message is before it has read it
    try:
        if not (prefix := await received.recv_data(_PREFIX.size)):
            return None
        compressed, size = _PREFIX.unpack(prefix)
        if compressed or size > BODY_LIMIT:
            return _UNREADABLE
        body = await received.recv_data(size)
    except AssertionError:  # what grpclib raises where less came than was asked for
        return _UNREADABLE
    return body if len(body) == size else _UNREADABLE


class _Listener(Server):
    """grpclib's server, with its connections at hand: it does not end those that are open itself."""

    def __init__(self, service: _Crypto) -> None:
        """Serve ``service``. Made inside the running loop."""
        super().__init__([service], codec=_Raw(), status_details_codec=_Details())
        self.open: set[asyncio.Transport] = set()

    def _protocol_factory(self) -> H2Protocol:
        made = super()._protocol_factory()
        begin, take, end = made.connection_made, made.data_received, made.connection_lost
        mine: list[asyncio.Transport] = []
        silence: list[asyncio.TimerHandle] = []

        def heard() -> None:
            while silence:
                silence.pop().cancel()
            if mine:  # who says nothing for so long holds a descriptor that others need
                silence.append(asyncio.get_running_loop().call_later(IDLE_S, mine[0].abort))

        def begun(transport: asyncio.BaseTransport) -> None:
            mine.append(cast("asyncio.Transport", transport))
            self.open.update(mine)
            heard()
            begin(transport)

        def received(data: bytes) -> None:
            heard()
            take(data)

        def ended(exc: BaseException | None) -> None:
            self.open.difference_update(mine)
            mine.clear()
            heard()
            end(exc)

        made.connection_made, made.connection_lost = begun, ended  # type: ignore[method-assign]
        made.data_received = received  # type: ignore[method-assign]
        return made


class GrpcDoor:
    """An open door of GREP11: a server of its own for each address."""

    def __init__(self, site: Site) -> None:
        """Lead to ``site``."""
        self._service = _Crypto(site)
        self._listeners: list[_Listener] = []

    async def listen(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Accept connections on ``listener``."""
        made = _Listener(self._service)
        await made.start(sock=listener, ssl=context)
        self._listeners.append(made)

    def stop(self) -> None:
        """Accept nothing more and end every connection: a call is answered in one step, so none is half done."""
        for listener in self._listeners:
            listener.close()
            for transport in list(listener.open):
                transport.abort()

    async def end(self) -> None:
        """Let what ``stop`` has cut off hear of it."""
        await asyncio.sleep(0)
