"""Dialling: first packets, sent from a node, and what became of them.

Connections are non-blocking (a blocking one sees a reject a second late), and a drop is taken from the filter that
reports it. A report is a claim: the socket's own result wins over it, and a second packet from another port must die
under the same rule, because a client sends again. A silence that nobody explains is no verdict: it raises.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lab.errors import ProbeFailed
from lab.measure.flow import TCP, UDP, Flow
from lab.measure.observation import Attempt, known, meaning
from lab.measure.places import Places
from lab.measure.sightings import Sighting, Sightings

BUDGET_S: Final = 4.0
"""Longer than the 3.06 s after which a silent gateway becomes ``EHOSTUNREACH``."""
GRACE_S: Final = 0.005
"""How long a packet that is reported as dropped may still be answered; answers in a lab take a tenth of it."""
_IP_RECVERR: Final = 11
"""Without it a UDP socket is not told that its packet is not deliverable; resolvers set it, too."""
_MARKS: Final = "door."  # sightings under these say that a packet arrived, not that it died
REMEMBERED: Final = 1 << 14
_UNSENT: Final = "nothing was sent"


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection that stands, and the moment before it was tried."""

    socket: socket.socket
    flow: Flow
    since: int
    at: float


@dataclass(slots=True)
class _Dialled:
    """A first packet on its way: ``ended`` is done when the socket has a result, ``drop`` is what a filter reported."""

    opened: socket.socket
    address: IPv4Address
    port: int
    flow: Flow
    since: int
    ended: asyncio.Future[bytes]
    at: float
    drop: Sighting | None = None

    def over(self) -> bool:
        """Whether the socket itself has a result."""
        return self.ended.done()

    async def close(self) -> None:
        """Let go of the socket; what still waits for it ends first, for its number may be another's at once."""
        self.ended.cancel()
        await asyncio.gather(self.ended, return_exceptions=True)
        self.opened.close()


class Dialler:
    """Sends first packets from nodes."""

    def __init__(self, places: Places, sightings: Sightings) -> None:
        """Open nothing yet."""
        self._places, self._sightings = places, sightings
        self.sent: dict[str, deque[Flow]] = {}
        """What was sent, by node: the latest, for ports are used again."""

    async def connect(self, node: str, address: IPv4Address, port: int) -> Connected | Attempt:
        """Return a TCP connection of ``node``, which is the caller's to close, or what became of the attempt.

        Raises:
            ProbeFailed: The question could not be asked, or what happened has no meaning.
        """
        dialled = await self._twice(lambda: self._connecting(node, address, port))
        if isinstance(dialled, Attempt):
            return dialled
        if number := dialled.opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            await dialled.close()
            return self._failed("connect", OSError(number, ""), dialled)
        return Connected(dialled.opened, dialled.flow, dialled.since, dialled.at)

    async def query(self, node: str, resolver: IPv4Address, port: int, message: bytes) -> bytes | Attempt:
        """Return the answer to a UDP message of ``node``, or what became of it; the errors are ``connect``'s."""
        dialled = await self._twice(lambda: self._querying(node, resolver, port, message))
        if isinstance(dialled, Attempt):
            return dialled
        try:
            return dialled.ended.result()
        except OSError as error:
            return self._failed("dns", error, dialled)
        finally:
            await dialled.close()

    async def _twice(self, dial: Callable[[], _Dialled | Attempt]) -> _Dialled | Attempt:
        """Return a packet whose socket has a result, or the attempt of two that were dropped under the same rule."""
        sent: list[_Dialled] = []
        try:
            while len(sent) < 2:
                dialled = dial()
                if isinstance(dialled, Attempt):
                    return dialled
                sent.append(dialled)
                await self._result(dialled)
                if dialled.over():
                    return sent.pop()
            await asyncio.wait([one.ended for one in sent], timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
            for place, dialled in enumerate(sent):
                if dialled.over():
                    return sent.pop(place)
            return _dropped(*sent)
        finally:
            for dialled in sent:
                await dialled.close()

    async def _result(self, dialled: _Dialled) -> None:
        """Wait until the socket has a result or a filter has reported a drop."""
        drop = asyncio.ensure_future(self._sightings.next(dialled.flow, dialled.since, _deadly))
        try:
            await asyncio.wait((dialled.ended, drop), timeout=BUDGET_S, return_when=asyncio.FIRST_COMPLETED)
            dialled.drop = drop.result() if drop.done() else None
        finally:
            drop.cancel()
            await asyncio.gather(drop, return_exceptions=True)
        if dialled.drop is None and not dialled.over():
            where = f"{dialled.address}:{dialled.port}"
            raise ProbeFailed(f"no answer from {where} and no filter says why ({dialled.flow}): lost in the lab")

    def _connecting(self, node: str, address: IPv4Address, port: int) -> _Dialled | Attempt:
        opened, since, at = self._open(node, socket.SOCK_STREAM), self._sightings.now(), time.time()
        number = opened.connect_ex((str(address), port))
        if number not in {0, errno.EINPROGRESS}:
            opened.close()
            return _unsent("connect", OSError(number, ""), address, since, f"{address}:{port}, {_UNSENT}")
        flow = self._noted(node, _flow(opened, TCP, address, port))
        return _Dialled(opened, address, port, flow, since, asyncio.ensure_future(_writable(opened)), at)

    def _querying(self, node: str, address: IPv4Address, port: int, message: bytes) -> _Dialled | Attempt:
        opened, since, at = self._open(node, socket.SOCK_DGRAM), self._sightings.now(), time.time()
        try:
            opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            opened.connect((str(address), port))
            flow = self._noted(node, _flow(opened, UDP, address, port))
            opened.send(message)
        except OSError as error:
            opened.close()
            return _unsent("dns", error, address, since, f"resolver {address}, {_UNSENT}")
        answer = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(opened, 4096))
        return _Dialled(opened, address, port, flow, since, answer, at)

    def _noted(self, node: str, flow: Flow) -> Flow:
        self.sent.setdefault(node, deque(maxlen=REMEMBERED)).append(flow)
        return flow

    def _open(self, node: str, kind: socket.SocketKind) -> socket.socket:
        try:
            return self._places.open_socket(node, kind)
        except OSError as error:
            raise ProbeFailed(f"no socket in {node}: {error}") from error

    def _failed(self, layer: str, error: OSError, dialled: _Dialled) -> Attempt:
        """Return the attempt of a packet whose socket has an error, with the report of it if a filter made one."""
        reports = (seen for seen in self._sightings.of(dialled.flow, dialled.since) if _deadly(seen.rule))
        return Attempt(
            flow=dialled.flow,
            since=dialled.since,
            at=dialled.at,
            signature=meaning(layer, error),
            address=dialled.address,
            sighting=next(reports, None),
            detail=f"{dialled.address}:{dialled.port}",
        )


def _dropped(first: _Dialled, second: _Dialled) -> Attempt:
    """Return the attempt of two packets that were reported as dropped and never answered."""
    assert first.drop is not None
    assert second.drop is not None
    if (first.drop.place, first.drop.rule) != (second.drop.place, second.drop.rule):
        raise ProbeFailed(
            f"two packets to {first.address}:{first.port} died in two places: "
            f"{first.drop.rule} on {first.drop.place}, {second.drop.rule} on {second.drop.place}"
        )
    signature = known("filter", "drop") if first.flow.protocol == TCP else known("dns", "timeout")
    return Attempt(
        flow=first.flow,
        since=first.since,
        at=first.at,
        signature=signature,
        address=first.address,
        sighting=first.drop,
        again=second.flow,
        detail=f"{first.address}:{first.port}",
    )


def _unsent(layer: str, error: OSError, address: IPv4Address, since: int, detail: str) -> Attempt:
    return Attempt(flow=None, since=since, signature=meaning(layer, error), address=address, detail=detail)


def _deadly(rule: str) -> bool:
    return not rule.startswith(_MARKS)


async def _writable(opened: socket.socket) -> bytes:
    """Return when the socket is connected or has an error; nothing is read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(opened, tell)
    try:
        await ready
    finally:
        loop.remove_writer(opened)
    return b""


def _flow(opened: socket.socket, protocol: int, address: IPv4Address, port: int) -> Flow:
    source, source_port = opened.getsockname()
    return Flow(
        protocol=protocol,
        source=IPv4Address(source),
        source_port=source_port,
        destination=address,
        destination_port=port,
    )
