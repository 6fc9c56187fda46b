"""A cloud process as it runs in a lab, but over the loopback device, and the network process's end of talking to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import wire
from lab.model.plane import Plane, Surface
from lab.serve import messages

ROOT = Path(__file__).parents[2]
START = """
import socket, sys
from lab.serve import process
process.preload()
process.main(socket.socket(fileno=int(sys.argv[1])))
"""
ACCOUNT, GUID = "a" * 32, "00000000-0000-4000-8000-000000000001"


class CloudProcess:
    """A cloud process and the network process's end of the conversation with it."""

    def __init__(self) -> None:
        """Start it, with one account and no instance."""
        self._socket, theirs = wire.pair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "default", "-c", START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.PIPE,
                text=True,
            )
        self.lines: list[dict[str, Any]] = []
        self.doors: dict[str, messages.Door] = {}
        self.ca_pem = ""
        self._count = 0
        self.done(messages.Account, name="acme", account_id=ACCOUNT, api_keys={"key-of-acme": "IBMid-1"})

    def ask(self, kind: Any, *, fds: list[int] | None = None, **fields: Any) -> messages.Reply:
        """Send a request and return its answer; log lines that come before it are kept."""
        self._count += 1
        wire.send(self._socket, kind(id=self._count, **fields), fds or [])
        while True:
            received: tuple[messages.FromCloud | None, list[int]] = wire.recv(self._socket, messages.FromCloud)
            message = received[0]
            if isinstance(message, messages.Log):
                self.lines.append(json.loads(message.line))
                continue
            assert message is not None
            assert message.id == self._count
            return message

    def done(self, kind: Any, *, fds: list[int] | None = None, **fields: Any) -> messages.Reply:
        """Send a request that must be carried out."""
        reply = self.ask(kind, fds=fds, **fields)
        assert not isinstance(reply, messages.Failed), reply.error
        return reply

    def log(self) -> list[dict[str, Any]]:
        """Return all log lines so far."""
        self.ask(messages.Fault, name="nothing")
        return self.lines

    def open(self, surface: Surface, plane: Plane, instance: str | None = None, *, addresses: int = 1) -> None:
        """Prepare and open a door on ports of the kernel's choice."""
        listeners = [listener(f"127.0.0.{1 + n}") for n in range(addresses)]
        door = messages.Door(
            name="/".join(filter(None, (surface.value, plane.value, instance))),
            surface=surface,
            plane=plane,
            region="us-south",
            names=["localhost"],
            addresses=[sock.getsockname()[0] for sock in listeners],
            port=listeners[0].getsockname()[1],
            instance=instance,
        )
        prepared = self.done(messages.Prepare, doors=[door])
        assert isinstance(prepared, messages.Prepared)
        assert self.ca_pem in ("", prepared.ca_pem)
        self.ca_pem, self.doors[door.name] = prepared.ca_pem, door
        self.done(messages.Listen, door_names=[door.name], fds=[sock.fileno() for sock in listeners])
        for sock in listeners:
            sock.close()

    def provision(self, name: str = "keys", guid: str = GUID, *, initialised: bool = True, **fields: Any) -> None:
        """Create an instance, with its doors on both planes."""
        crn = f"crn:v1:bluemix:public:hs-crypto:us-south:a/{ACCOUNT}:{guid}::"
        self.done(messages.Provision, instance=name, guid=guid, crn=crn, account=ACCOUNT, region="us-south", **fields)
        if initialised:
            self.done(messages.Initialise, guid=guid)
        for plane in Plane:
            self.open(Surface.KMS, plane, name)

    def connection(self, door: str) -> http.client.HTTPSConnection:
        """Return a connection to a door that verifies its certificate and stays open."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        return http.client.HTTPSConnection("localhost", self.doors[door].port, context=context, timeout=10)

    def token(self) -> str:
        """Return an access token."""
        iam = self.connection("iam/public")
        form = "grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=key-of-acme"
        iam.request("POST", "/identity/token", form, {"content-type": "application/x-www-form-urlencoded"})
        answer = iam.getresponse()
        assert answer.status == 200
        token: str = json.loads(answer.read())["access_token"]
        iam.close()
        return token

    def headers(self) -> dict[str, str]:
        """Return the headers of an authorised request."""
        return {"authorization": f"Bearer {self.token()}", "bluemix-instance": GUID}

    def close(self) -> None:
        """Let the process see the end of the conversation, and wait for its own."""
        self._socket.close()
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            assert stream.read() == ""
        assert self.process.wait(10) == 0


def listener(address: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket on a port of the kernel's choice."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind((address, 0))
    sock.listen(512)
    return sock
