"""What a service says back over HTTP, before anything carries it: status, media type, body, further headers."""

from __future__ import annotations

import msgspec


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``body`` is encoded already; ``media`` is not sent with status 204."""

    status: int = 200
    media: str = "application/json"
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
