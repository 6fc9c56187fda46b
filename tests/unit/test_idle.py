"""Who says nothing for long holds a descriptor that others need: the resolver and GREP11's doors end it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, cast

import pytest

from lab.net import resolver
from lab.serve import grpc
from lab.serve.exchange import Site

SOON_S, BUDGET_S = 0.05, 10


class Server(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Accept nothing more."""


async def by_the_resolver(listener: socket.socket) -> Server:
    """Serve names over TCP."""
    zone = resolver.Zone({})
    return await asyncio.start_server(partial(resolver._converse, zone), sock=listener)


async def by_grep11(listener: socket.socket) -> Server:
    """Serve GREP11, in the clear."""
    made = grpc._Listener(grpc._Crypto(cast("Site", None)))
    await made.start(sock=listener)
    return made


@pytest.mark.parametrize("serve", [by_the_resolver, by_grep11])
def test_a_silent_connection_ends(
    serve: Callable[[socket.socket], Awaitable[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is closed from the other side, and nobody need ask for it."""
    monkeypatch.setattr(resolver, "_IDLE_S", SOON_S)
    monkeypatch.setattr(grpc, "IDLE_S", SOON_S)

    async def ends() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        server = await serve(listener)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        async with asyncio.timeout(BUDGET_S):
            try:
                while await reader.read(1 << 16):  # what the other side says first
                    pass
            except ConnectionError:
                pass  # cut off, which is an end too
        writer.close()
        server.close()

    asyncio.run(ends())
