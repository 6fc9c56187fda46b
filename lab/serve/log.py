"""The services' log: one line for each request that a door answered. Out of band; callers never see it.

It holds no secret: no token, no API key, no query string, no body.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lab.model.plane import Plane, Surface

Sink = Callable[[str], None]
_encoder = msgspec.json.Encoder()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request.

    ``request_id`` is the correlation id that the client sees; ``caller`` is the other end of the connection;
    ``decision`` is ``allow`` or ``deny``; ``rule`` says what decided. ``status`` is HTTP's, at a GREP11 door gRPC's.
    """

    request_id: str
    time: float
    door: str
    surface: Surface
    plane: Plane
    caller: str
    caller_port: int
    subject: str
    method: str
    path: str
    operation: str
    instance: str
    decision: str
    rule: str
    status: int


def write(sink: Sink, line: Line) -> None:
    """Give ``line`` to ``sink`` as JSON."""
    sink(_encoder.encode(line).decode())
