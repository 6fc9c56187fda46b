"""HTTP's doors: the settings of the protocol, and an open door with the connections that it accepted."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lab.model.plane import Surface
from lab.serve.app import surface_app
from lab.serve.exchange import IDLE_S, Site

SURFACES: Final = (Surface.IAM, Surface.KMS, Surface.BROKER, Surface.CONSOLE, Surface.KEY_PROTECT, Surface.TKE)
GRACE_S: Final = 2.0


@functools.cache
def protocol_settings(surface: Surface) -> uvicorn.Config:
    """Return the HTTP protocol's settings for ``surface``'s doors; no header may speak for the caller's address."""
    settings = uvicorn.Config(
        surface_app(surface),
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
    )
    settings.load()
    return settings


class HttpDoor:
    """An open door: a server for each address, and the connections that they accepted."""

    def __init__(self, site: Site) -> None:
        """Lead to ``site``."""
        self._site = site
        self._servers: list[asyncio.Server] = []
        self._state = ServerState()

    async def listen(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Accept connections on ``listener``."""
        settings = protocol_settings(self._site.door.surface)
        site: dict[str, Any] = {"site": self._site}

        def protocol() -> HttpToolsProtocol:
            return HttpToolsProtocol(config=settings, server_state=self._state, app_state=site)

        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(protocol, sock=listener, ssl=context))

    def stop(self) -> None:
        """Accept nothing more, close idle connections, let busy ones answer once."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()

    async def end(self) -> None:
        """Wait for the answers that are under way, not for clients.

        A client that holds an idle connection need not answer TLS's farewell; waiting for it would keep the
        process alive for as long as that client pleases.
        """
        if tasks := list(self._state.tasks):
            await asyncio.wait(tasks, timeout=GRACE_S)
        for connection in list(self._state.connections):
            connection.transport.abort()
