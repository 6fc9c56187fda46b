"""One HTTP request from arrival to log line and answer, the same for every surface.

A request's plane is that of the door that the listener hands over in ``scope["state"]``. Nothing that the
caller says (headers, host name, SNI, claimed address) is looked at for it. What is answered is decided by
the surface's function (``lab.serve.app``); this module carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.model.plane import Surface
from lab.serve import log
from lab.serve.cloud import Cloud
from lab.serve.messages import Door
from lab.services.reply import Reply

BODY_LIMIT = 1 << 20
IDLE_S = 75
"""How long a connection may say nothing."""
_REQUEST_IDS = (b"correlation-id", b"x-correlation-id", b"transaction-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a request arrived: the door's description and the cloud behind it. A listener knows its own."""

    door: Door
    cloud: Cloud


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an HTTP request says, before anyone believes any of it.

    ``body`` None: it was too long to read. ``origin`` is the service that asks on the caller's behalf, if one does.
    """

    door: Door
    cloud: Cloud
    method: str
    path: str
    parameters: Mapping[str, Any]
    headers: dict[bytes, bytes]
    query: bytes
    body: bytes | None
    request_id: str
    caller: str
    caller_port: int
    origin: Surface | None = None

    def header(self, name: bytes) -> str:
        """Return a header's value, empty if it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The reply, and what the log shall say of it: operation, deciding rule, subject, instance id.

    ``left_out``: the reply says that all is well, and what was asked for was kept from it.
    """

    reply: Reply
    operation: str
    rule: str
    subject: str = ""
    instance: str = ""
    left_out: bool = False


class Endpoint:
    """One path of an API as an ASGI application: reads the request whole, answers it in one step, sends.

    Nothing is awaited between the check and the end of the change that it allowed, so a policy that was
    acknowledged holds for every answer given afterwards, on connections that were open before too.
    """

    __slots__ = ("_answer",)

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        """Answer requests with ``answer``, which must not wait for anything."""
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a client that left before it had asked gets nothing."""
        try:
            body = await _body(receive)
        except _Gone:
            return
        asked = _asked(scope, body)
        answer = self._answer(asked)
        note(asked, answer)
        await _send(send, answer.reply, asked.request_id)


def at_door(app: ASGIApp, site: Site) -> ASGIApp:
    """Return ``app`` as callers at ``site`` find it, for carriers without listeners (tests in memory)."""

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"site": site}}, receive, send)

    return behind


class _Gone(Exception):
    """The client closed the connection before its request was complete."""


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body, None if it is longer than anyone may send."""
    message = await receive()
    parts, size = [message.get("body", b"")], 0
    while message["type"] == "http.request":
        size += len(parts[-1])
        if size > BODY_LIMIT:
            return None
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
    raise _Gone


def _asked(scope: Scope, body: bytes | None) -> Asked:
    site: Site = scope["state"]["site"]
    headers = dict(scope["headers"])
    given = next(filter(None, map(headers.get, _REQUEST_IDS)), b"")
    caller = scope.get("client") or ("", 0)
    return Asked(
        door=site.door,
        cloud=site.cloud,
        method=scope["method"],
        path=scope["path"],
        parameters=scope.get("path_params", {}),
        headers=headers,
        query=scope["query_string"],
        body=body,
        request_id=given[:128].decode("latin-1") or site.cloud.draw(16).hex(),
        caller=caller[0],
        caller_port=caller[1],
    )


def note(asked: Asked, answer: Answer) -> None:
    """Write the request's log line: before the answer, so that whoever has the answer can find the line."""
    status = answer.reply.status
    line = log.Line(
        request_id=asked.request_id,
        time=asked.cloud.clock(),
        door=asked.door.name,
        surface=asked.door.surface,
        plane=asked.door.plane,
        caller=asked.caller,
        caller_port=asked.caller_port,
        subject=answer.subject,
        method=asked.method,
        path=asked.path,
        operation=answer.operation,
        instance=answer.instance,
        decision="allow" if status < 400 and not answer.left_out else "deny",
        rule=answer.rule,
        status=status,
    )
    log.write(asked.cloud.sink, line)


async def _send(send: Send, reply: Reply, request_id: str) -> None:
    headers = [(b"correlation-id", request_id.encode("latin-1")), *reply.headers]
    if reply.status != 204:
        headers += (b"content-type", reply.media.encode()), (b"content-length", str(len(reply.body)).encode())
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
