"""Programs that a client started end with the client, however early it leaves."""

from __future__ import annotations

import asyncio
import os
import socket
from types import SimpleNamespace
from typing import Any

from lab import wire
from lab.live.exec import Programs
from lab.live.network import Network
from lab.live.protocol import Spawn


def test_a_program_does_not_outlive_a_client_that_left_while_it_was_started() -> None:
    """The client ends before the program is there: it is killed all the same, and nothing is kept of either."""
    here: Any = SimpleNamespace(
        namespaces_of=lambda _host: SimpleNamespace(enter=lambda: None), environment_of=lambda _host: dict(os.environ)
    )

    async def story(client: socket.socket, lab: socket.socket, cloud: socket.socket) -> bytes:
        network = Network(cloud=cloud)
        programs = Programs(network, here)
        network.connect(lab, last=False)
        (stdin, keyboard), (screen, stdout) = os.pipe(), os.pipe()
        wire.send(client, Spawn(id=1, host="vsi-1", arguments=["cat"], environment={}), [stdin, stdout, stdout])
        client.close()
        wire.close([stdin, stdout])
        try:
            # the program holds the other end for as long as it lives
            said = await asyncio.wait_for(asyncio.to_thread(os.read, screen, 1), 5)
        finally:
            wire.close([keyboard, screen])
        assert programs.running() == []
        assert network.clients == 0
        return said

    client, lab = wire.pair()
    cloud, cloud_end = wire.pair()
    with client, lab, cloud, cloud_end:
        assert asyncio.run(story(client, lab, cloud)) == b""
