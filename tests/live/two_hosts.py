"""A furnishing for tests of the process tree: two hosts with nothing but a loopback, and a request that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import threading
import time
from ipaddress import IPv4Address

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.errors import EnvironmentProblem, ModelError, Problem
from lab.kernel import namespaces as ns
from lab.live.console import Consoles
from lab.live.exec import Programs
from lab.live.network import Context, Network
from lab.live.protocol import Answer, Done, Request
from lab.net.hosts import Hosts


class Draw(Request, frozen=True, kw_only=True):
    """Draw random bytes and make a key."""


class Drawn(Answer, frozen=True, kw_only=True):
    """What was drawn."""

    random: str
    key: str


class Misbehave(Request, frozen=True, kw_only=True):
    """Do something that a handler should not: ``how`` says what."""

    how: str


def draw() -> Drawn:
    """Draw as the certificates' authority does."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Drawn(random=ssl.RAND_bytes(16).hex(), key=secret.hex())


def furnish(network: Network) -> None:
    """Declare the hosts and register the requests."""
    hosts = Hosts()
    for name in ("left", "right"):
        fd, _ = ns.new_network(lambda: None)
        hosts.add(name, network=fd, nameserver=IPv4Address("161.26.0.10"), environment={"SIDE": name})
    hosts.trust("an authority\n")
    Programs(network, hosts)
    Consoles(network, _command_line)

    async def drawn(_request: Draw, _context: Context) -> Drawn:
        return draw()

    async def misbehave(request: Misbehave, _context: Context) -> Done:
        match request.how:
            case "hang":
                time.sleep(3600)  # noqa: ASYNC251 - a hung loop is what is tested
            case "wait":
                await asyncio.sleep(3600)
            case "raise":
                raise ZeroDivisionError("a mistake")
            case "environment":
                raise EnvironmentProblem("no such thing", fix="get one")
            case "model":
                raise ModelError(Problem(where="accounts/acme", text="wrong", hint="right"))
            case "die":
                os._exit(9)
            case "oracle":
                import lab.oracle.predict  # noqa: F401
            case "chatter":
                threading.Thread(target=_chatter).start()
            case _:
                raise LookupError(request.how)
        return Done()

    network.on(Draw, drawn)
    network.on(Misbehave, misbehave)


def _chatter() -> None:
    """Write ten megabytes to standard error, whatever the kernel says to that."""
    for _ in range(9999):
        with contextlib.suppress(PermissionError):
            os.write(2, b"x" * 999)


def _command_line() -> None:
    """Echo lines until ``exit``; Ctrl-C starts a new line."""
    while True:
        try:
            line = input("two-hosts> ")
        except KeyboardInterrupt:
            print("interrupted")
            continue
        if line == "exit":
            return
        print(f"you said {line}")
