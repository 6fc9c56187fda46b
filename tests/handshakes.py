"""TLS without a network: two sides of a connection over memory."""

from __future__ import annotations

import ssl


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Have a client with ``client`` call a server with ``server`` by ``name``; return the client's side, connected.

    Raises:
        ssl.SSLError: One side does not accept the other.
    """
    into_server, into_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(into_client, into_server, server_hostname=name)
    pending: list[ssl.SSLObject] = [calling, server.wrap_bio(into_server, into_client, server_side=True)]
    for _ in range(20):
        for side in list(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not pending
    return calling
