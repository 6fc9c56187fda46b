"""One unary gRPC call over a connection that stands: frames out, frames in, and from them status and message.

It knows no service; what a status means is for whoever asked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from lab.grep11 import DETAILS
from lab.measure.requests import HttpRequest

ALPN: Final = "h2"
_PREFIX: Final = struct.Struct("!?I")  # whether it is compressed, and how long it is


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcAnswer:
    """What came back: the status and its details, and the message of an answer that is OK."""

    status: int
    text: str
    details: bytes
    body: bytes


class BrokenCall(EOFError):
    """The connection or the call ended before a gRPC status was there."""


@dataclass(slots=True)
class _Heard:
    """What has been received of one call."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False


async def call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, request: HttpRequest
) -> GrpcAnswer:
    """Send one call and return its answer.

    Raises:
        BrokenCall: There was none.
        h2.exceptions.ProtocolError: What came is no HTTP/2.
    """
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    stream, heard = connection.get_next_available_stream_id(), _Heard()
    head = {":method": request.method, ":scheme": "https", ":path": request.path, ":authority": authority}
    metadata = {"te": "trailers", "content-type": "application/grpc+proto", **request.headers}
    connection.send_headers(stream, [*head.items(), *metadata.items()])
    connection.send_data(stream, _PREFIX.pack(False, len(request.body)) + request.body, end_stream=True)
    while not heard.ended:
        writer.write(connection.data_to_send())
        await writer.drain()
        if not (data := await reader.read(1 << 16)):
            raise BrokenCall("closed before an answer")
        for event in connection.receive_data(data):
            _take(connection, heard, event)
    return _answer(heard)


def _take(connection: H2Connection, heard: _Heard, event: Event) -> None:
    match event:
        case ResponseReceived() | TrailersReceived():
            heard.headers.update({str(name): str(value) for name, value in event.headers or ()})
        case DataReceived():
            heard.data += event.data or b""
            connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        case StreamEnded():
            heard.ended = True
        case StreamReset() | ConnectionTerminated() if not heard.ended:
            code = event.error_code
            name = code.name if isinstance(code, ErrorCodes) else code
            raise BrokenCall(f"{type(event).__name__} before an answer: {name}")
        case _:
            return  # settings, windows and pings are the connection's own


def _answer(heard: _Heard) -> GrpcAnswer:
    headers = heard.headers
    status = headers.get("grpc-status", "")
    if headers.get(":status") != "200" or not (status.isascii() and status.isdecimal()):
        raise BrokenCall(f"HTTP status {headers.get(':status')} without a gRPC status")
    body = b""
    if heard.data:
        prefix, body = bytes(heard.data[: _PREFIX.size]), bytes(heard.data[_PREFIX.size :])
        if prefix != _PREFIX.pack(False, len(body)):
            raise BrokenCall("an answer that is not one whole message")
    try:
        details = base64.b64decode(headers.get(DETAILS, "") + "==")
    except binascii.Error as error:
        raise BrokenCall(f"details that are no base64: {headers[DETAILS]!r}") from error
    return GrpcAnswer(
        status=int(status),
        text=unquote(headers.get("grpc-message", "")),
        details=details,
        body=body,
    )
