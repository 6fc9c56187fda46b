"""Front doors: for each one a certificate, a server object of its own, and the site it hands to its requests.

Listening sockets come from outside, bound where the door's addresses are; this module knows no namespace.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address

from lab.model.plane import Surface
from lab.serve import pki
from lab.serve.cloud import Cloud
from lab.serve.exchange import Site
from lab.serve.grpc import GrpcDoor
from lab.serve.http import SURFACES as HTTP_SURFACES
from lab.serve.http import HttpDoor
from lab.serve.messages import Door

SURFACES = (*HTTP_SURFACES, Surface.EP11)
_RENEWED_S = pki.LIFETIME.total_seconds() / 2
_LOOKED_S = 60
"""How often the clock is looked at: a machine that sleeps stops every timer, and certificates grow old all the same."""


_Certified = tuple[tuple[str, ...], tuple[str, ...], str]
"""What TLS settings are for: names and addresses, and the protocol that is spoken there (ALPN)."""


class Doors:
    """The doors of one lab, by name."""

    def __init__(self, cloud: Cloud) -> None:
        """Lead to ``cloud``; the certificate authority is drawn here."""
        self._cloud = cloud
        self._authority = pki.Authority(cloud.clock)
        self._known: dict[str, Door] = {}
        self._signed: dict[_Certified, bytes] = {}
        self._contexts: dict[_Certified, ssl.SSLContext] = {}
        self._open: dict[str, HttpDoor | GrpcDoor] = {}
        self._renewal: asyncio.TimerHandle | None = None
        self._renewed = cloud.clock()

    @property
    def ca_pem(self) -> str:
        """The root certificate of this lab."""
        return self._authority.pem

    def prepare(self, doors: Sequence[Door]) -> None:
        """Learn ``doors`` and sign their certificates; doors with the same names and addresses share one."""
        for door in doors:
            if door.surface not in SURFACES:
                raise ValueError(f"door {door.name!r}: no service for surface {door.surface.value!r}")
            if door.name in self._known:
                raise ValueError(f"door {door.name!r} is prepared already")
        for certified in {_certified(door): None for door in doors}:
            if certified not in self._contexts and certified not in self._signed:
                self._signed[certified] = self._issue(certified)
        self._known.update({door.name: door for door in doors})

    def load(self) -> None:
        """Make the TLS settings of every signed certificate: the slow half, which nobody has to wait for."""
        while self._signed:
            certified, pem = self._signed.popitem()
            self._contexts[certified] = pki.server_context(pem, protocol=certified[2])

    async def listen(self, names: Sequence[str], sockets: Sequence[socket.socket]) -> None:
        """Open the doors ``names``; ``sockets`` are theirs, door by door, in the order of each door's addresses."""
        if unknown := [name for name in names if name not in self._known]:
            raise LookupError(f"no door named {unknown[0]!r} is prepared")
        doors = [self._known[name] for name in names]
        if (wanted := sum(len(door.addresses) for door in doors)) != len(sockets):
            raise ValueError(f"{wanted} listeners expected, {len(sockets)} given")
        self.load()
        rest = iter(sockets)
        for door in doors:
            opened = self._open.setdefault(door.name, self._opened(door))
            for _ in door.addresses:
                await opened.listen(next(rest), self._contexts[_certified(door)])
        self._look_later()

    def close_listener(self, name: str) -> None:
        """Close the door ``name``; a connection refused is what its callers see from now on."""
        if name not in self._open:
            raise LookupError(f"no door named {name!r} is open")
        self._open.pop(name).stop()

    async def close(self) -> None:
        """Close every door: requests in flight are answered, then nobody is waited for."""
        if self._renewal:
            self._renewal.cancel()
        opened = list(self._open.values())
        self._open.clear()
        for door in opened:
            door.stop()
        await asyncio.gather(*(door.end() for door in opened))

    def _opened(self, door: Door) -> HttpDoor | GrpcDoor:
        site = Site(door=door, cloud=self._cloud)
        return GrpcDoor(site) if door.surface is Surface.EP11 else HttpDoor(site)

    def _issue(self, certified: _Certified) -> bytes:
        names, addresses, _ = certified
        return self._authority.issue(names, [IPv4Address(address) for address in addresses])

    def _look_later(self) -> None:
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().call_later(_LOOKED_S, self._look)

    def _look(self) -> None:
        """Give every door a fresh certificate when it is time: a lab may stay up for longer than one lives."""
        self._renewal = None
        self._look_later()  # whatever becomes of this time
        if self._cloud.clock() - self._renewed >= _RENEWED_S:
            for certified, context in self._contexts.items():
                pki.load(context, self._issue(certified))
            self._renewed = self._cloud.clock()


def _certified(door: Door) -> _Certified:
    protocol = "h2" if door.surface is Surface.EP11 else "http/1.1"
    return tuple(door.names), tuple(door.addresses), protocol
