"""The probe's half of gRPC: an answer is taken whole, and everything that is none is trouble, never a verdict."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from lab.errors import ProbeFailed
from lab.measure import grpc, probe
from lab.measure.grep11 import GrpcRequest

ASKED = GrpcRequest(method="POST", path="/grep11.Crypto/GetMechanismList", headers={"authorization": "Bearer t"})
HEAD = [(":status", "200"), ("content-type", "application/grpc+proto")]
SERVED = [("grpc-status", "0")]

Says = Callable[[H2Connection, int], None]


def message(body: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """Return a message with its prefix."""
    return struct.pack("!?I", compressed, len(body) if length is None else length) + body


def whole(body: bytes, *parts: int) -> Says:
    """Return what answers with ``body``, cut at ``parts``."""

    def say(connection: H2Connection, stream: int) -> None:
        connection.send_headers(stream, HEAD)
        for start, end in zip((0, *parts), (*parts, len(body)), strict=True):
            connection.send_data(stream, body[start:end])
        connection.send_headers(stream, SERVED, end_stream=True)

    return say


def only_trailers(*headers: tuple[str, str]) -> Says:
    """Return what answers with headers alone, and resets the call behind them, as servers do."""

    def say(connection: H2Connection, stream: int) -> None:
        connection.send_headers(stream, [*HEAD[:1], *headers], end_stream=True)

    return say


def asked_of(says: Says) -> grpc.GrpcAnswer:
    """Return what the probe makes of a server that answers with ``says`` and then closes."""
    seen: dict[str, str] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        done = False
        while not done and (data := await reader.read(1 << 16)):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    seen.update({str(name): str(value) for name, value in event.headers or ()})
                if isinstance(event, StreamEnded):
                    says(connection, event.stream_id or 0)
                    done = True
            writer.write(connection.data_to_send())
        writer.close()

    async def story() -> grpc.GrpcAnswer:
        ours, theirs = socket.socketpair()
        served = asyncio.ensure_future(serve(*await asyncio.open_connection(sock=theirs)))
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            return await grpc.call(reader, writer, "ep11.example:9043", ASKED)
        finally:
            writer.close()
            await served

    answer = asyncio.run(story())
    assert (seen[":path"], seen[":authority"], seen["te"]) == (ASKED.path, "ep11.example:9043", "trailers")
    assert seen["authorization"] == "Bearer t"
    return answer


@pytest.mark.parametrize("parts", [(), (3,), (5, 6), (0, 0)])
def test_an_answer_is_taken_whole(parts: tuple[int, ...]) -> None:
    """However it was cut into frames."""
    assert asked_of(whole(message(b"body"), *parts)) == grpc.GrpcAnswer(status=0, text="", details=b"", body=b"body")


def test_a_refusal_brings_its_text_and_its_details() -> None:
    """In the encodings that gRPC has for them; base64 may come without its padding."""
    told = only_trailers(("grpc-status", "16"), ("grpc-message", "no%2C caf%C3%A9"), ("grpc-status-details-bin", "YWI"))
    assert asked_of(told) == grpc.GrpcAnswer(status=16, text="no, café", details=b"ab", body=b"")


def reset(connection: H2Connection, stream: int) -> None:
    """Reset the call before an answer."""
    connection.reset_stream(stream)


def farewell(connection: H2Connection, _stream: int) -> None:
    """End the connection before an answer."""
    connection.close_connection()


def silence(_connection: H2Connection, _stream: int) -> None:
    """Say nothing and close."""


NONE: dict[str, tuple[Says, str]] = {
    "silence": (silence, "closed before an answer|Connection lost"),
    "reset": (reset, "StreamReset before an answer: NO_ERROR"),
    "farewell": (farewell, "ConnectionTerminated before an answer: NO_ERROR"),
    "no-status": (only_trailers(("content-type", "application/grpc")), "HTTP status 200 without a gRPC status"),
    "a-status-in-other-digits": (only_trailers(("grpc-status", "\u00b2")), "HTTP status 200 without a gRPC status"),
    "details-that-are-none": (
        only_trailers(("grpc-status", "16"), ("grpc-status-details-bin", "a")),
        "details that are no base64",
    ),
    "compressed": (whole(message(b"x", compressed=True)), "not one whole message"),
    "cut-short": (whole(message(b"x", length=2)), "not one whole message"),
    "two-messages": (whole(message(b"x") * 2), "not one whole message"),
    "half-a-prefix": (whole(b"\x00\x00"), "not one whole message"),
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_answer_is_trouble(case: str) -> None:
    """The connection broke off, or a server spoke otherwise: no verdict."""
    says, why = NONE[case]
    with pytest.raises((grpc.BrokenCall, ConnectionError), match=why):
        asked_of(says)


def test_a_server_that_does_not_agree_to_http2_is_trouble() -> None:
    """A door that speaks HTTP/1.1 is not asked in gRPC: it would answer something."""

    class Writer:
        def get_extra_info(self, _name: str) -> Writer:
            return self

        def selected_alpn_protocol(self) -> str:
            return "http/1.1"

    with pytest.raises(ProbeFailed, match=r"ep11:9043 speaks http/1\.1, and gRPC needs h2"):
        asyncio.run(probe._grpc(cast("Any", None), cast("Any", Writer()), "ep11:9043", ASKED))
