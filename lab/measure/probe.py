"""The probe: one call of one node, from the name to the HTTP answer, with what each layer showed.

Names are asked of the node's own resolver, connections are non-blocking (a blocking one sees a reject a
second late), and a drop is taken from the filter that reports it. A silence that nobody explains is no
verdict: it raises, like anything that keeps the question from being asked.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, Final

import h11
from dnslib import QTYPE, RCODE, DNSRecord
from dnslib.dns import DNSError

from lab.errors import ProbeFailed
from lab.measure.flow import TCP, UDP, Flow
from lab.measure.places import Places
from lab.measure.requests import HttpRequest
from lab.measure.sightings import Sighting, Sightings
from lab.model import signatures
from lab.model.signatures import Signature

CONNECT_BUDGET_S: Final = 4.0
"""Longer than the 3.06 s after which a silent gateway becomes ``EHOSTUNREACH``."""
ANSWER_BUDGET_S: Final = 10.0
DNS_PORT: Final = 53
_MARKS: Final = "door."  # sightings under these say that a packet arrived, not that it died


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one connection attempt showed. ``sighting`` is the drop that ended it; ``since`` is its begin."""

    flow: Flow | None
    since: int
    signature: Signature
    sighting: Sighting | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a call showed: the attempts in order, the deciding one last, and the answer if there was one."""

    node: str
    name: str
    port: int
    attempts: tuple[Attempt, ...]
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def last(self) -> Attempt:
        """The attempt that decided."""
        return self.attempts[-1]

    @property
    def signature(self) -> Signature:
        """The deciding signature."""
        return self.last.signature


@dataclass(frozen=True, slots=True)
class _Connected:
    """A connection that stands, and the moment before it was tried."""

    socket: socket.socket
    flow: Flow
    since: int


class Prober:
    """Asks on behalf of nodes. ``trust`` is the context of a client that trusts the lab's CA only."""

    def __init__(self, places: Places, sightings: Sightings, trust: ssl.SSLContext) -> None:
        """Keep what probing needs; nothing is opened before a question."""
        self._places, self._sightings, self._trust = places, sightings, trust

    async def ask(self, node: str, name: str, port: int, request: HttpRequest) -> Observation:
        """Return what ``node`` sees when it sends ``request`` to ``name``.

        Every address of the name is tried in order, as clients do, until one accepts.

        Raises:
            ProbeFailed: The question could not be asked, or something happened that has no meaning.
        """
        resolved = await self._resolve(node, name)
        if isinstance(resolved, Attempt):
            return Observation(node=node, name=name, port=port, attempts=(resolved,))
        failures: list[Attempt] = []
        for address in resolved:
            connected = await self._connect(node, address, port)
            if isinstance(connected, Attempt):
                failures.append(connected)
                continue
            return await self._converse(node, name, connected, request, tuple(failures))
        # All addresses failed: the first one is what a client reports, the others stand before it.
        return Observation(node=node, name=name, port=port, attempts=(*failures[1:], failures[0]))

    async def _resolve(self, node: str, name: str) -> list[IPv4Address] | Attempt:
        resolver = self._places.resolver(node)
        opened = self._open(node, socket.SOCK_DGRAM)
        try:
            answer = await self._exchange(opened, resolver, DNSRecord.question(name).pack())
        finally:
            opened.close()
        if isinstance(answer, Attempt):
            return answer
        try:
            reply = DNSRecord.parse(answer)
        except DNSError as error:
            raise ProbeFailed(f"resolver {resolver} answers what is no DNS message: {error}") from error
        addresses = [IPv4Address(str(record.rdata)) for record in reply.rr if record.rtype == QTYPE.A]
        if not addresses:
            value = RCODE.get(reply.header.rcode)
            return Attempt(flow=None, since=0, signature=_known("dns", value), detail=f"{resolver} knows no {name}")
        return addresses

    async def _exchange(self, opened: socket.socket, resolver: IPv4Address, query: bytes) -> bytes | Attempt:
        """Send a query and return the answer, or what became of it."""
        loop, since = asyncio.get_running_loop(), self._sightings.now()
        try:
            opened.connect((str(resolver), DNS_PORT))
        except OSError as error:
            return _failed("dns", error, None, since, f"resolver {resolver}")
        flow = _flow(opened, UDP)
        try:
            opened.send(query)
            answer = asyncio.ensure_future(loop.sock_recv(opened, 4096))
            drop = asyncio.ensure_future(self._sightings.next(flow, since, _deadly))
            done = await _first(answer, drop, budget_s=CONNECT_BUDGET_S)
        except OSError as error:
            return _failed("dns", error, flow, since, f"resolver {resolver}")
        if done is drop:
            dropped, signature = drop.result(), _known("dns", "timeout")
            return Attempt(flow=flow, since=since, signature=signature, sighting=dropped, detail=f"resolver {resolver}")
        if done is None:
            raise ProbeFailed(f"resolver {resolver} is silent and no filter says why ({flow})")
        try:
            return answer.result()
        except OSError as error:
            return _failed("dns", error, flow, since, f"resolver {resolver}")

    async def _connect(self, node: str, address: IPv4Address, port: int) -> _Connected | Attempt:
        """Return a connection, or what became of the attempt."""
        opened = self._open(node, socket.SOCK_STREAM)
        try:
            return await self._connected(opened, address, port)
        except BaseException:
            opened.close()
            raise

    async def _connected(self, opened: socket.socket, address: IPv4Address, port: int) -> _Connected | Attempt:
        since = self._sightings.now()
        number = opened.connect_ex((str(address), port))
        if number not in {0, errno.EINPROGRESS}:
            opened.close()
            return _failed("connect", OSError(number, ""), None, since, f"{address}:{port}, nothing was sent")
        flow = _flow(opened, TCP, (address, port))
        writable = asyncio.ensure_future(_writable(opened))
        drop = asyncio.ensure_future(self._sightings.next(flow, since, _deadly))
        done = await _first(writable, drop, budget_s=CONNECT_BUDGET_S)
        if done is writable:
            if number := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                opened.close()
                return _failed("connect", OSError(number, ""), flow, since, f"{address}:{port}")
            return _Connected(opened, flow, since)
        opened.close()
        if done is drop:
            dropped, signature = drop.result(), _known("filter", "drop")
            return Attempt(flow=flow, since=since, signature=signature, sighting=dropped, detail=f"{address}:{port}")
        raise ProbeFailed(f"no answer from {address}:{port} and no filter says why ({flow}): lost in the lab")

    async def _converse(
        self,
        node: str,
        name: str,
        connected: _Connected,
        request: HttpRequest,
        failures: tuple[Attempt, ...],
    ) -> Observation:
        flow, since = connected.flow, connected.since

        def observed(attempt: Attempt) -> Observation:
            return Observation(node=node, name=name, port=flow.destination_port, attempts=(*failures, attempt))

        try:
            async with asyncio.timeout(ANSWER_BUDGET_S):
                reader, writer = await asyncio.open_connection(
                    sock=connected.socket, ssl=self._trust, server_hostname=name
                )
                try:
                    answer, body = await _http(reader, writer, name, flow.destination_port, request)
                finally:
                    writer.close()
        except TimeoutError as error:
            raise ProbeFailed(f"{name} ({flow}): connected, but no answer in {ANSWER_BUDGET_S:.0f} s") from error
        except ssl.SSLCertVerificationError as error:
            return observed(Attempt(flow=flow, since=since, signature=_known("tls", "alert"), detail=str(error)))
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            raise ProbeFailed(f"{name} ({flow}): the connection broke off: {error!r}") from error
        found = signatures.read("http", str(answer.status_code))
        if found is None:
            raise ProbeFailed(f"{name} ({flow}): HTTP {answer.status_code} has no meaning here: {body[:200]!r}")
        attempt = Attempt(flow=flow, since=since, signature=found, detail=f"HTTP {answer.status_code}")
        return Observation(
            node=node,
            name=name,
            port=flow.destination_port,
            attempts=(*failures, attempt),
            status=answer.status_code,
            headers={key.decode(): value.decode() for key, value in answer.headers},
            body=body,
        )

    def _open(self, node: str, kind: socket.SocketKind) -> socket.socket:
        try:
            return self._places.open_socket(node, kind)
        except OSError as error:
            raise ProbeFailed(f"no socket in {node}: {error}") from error


async def _http(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, port: int, request: HttpRequest
) -> tuple[h11.Response, bytes]:
    """Send one request and return head and body of its answer."""
    connection = h11.Connection(h11.CLIENT)
    headers = {"host": f"{name}:{port}", "connection": "close", "content-length": str(len(request.body))}
    headers.update(request.headers)
    sent = connection.send(h11.Request(method=request.method, target=request.path, headers=list(headers.items())))
    writer.write((sent or b"") + (connection.send(h11.Data(data=request.body)) or b""))
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    answer, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(1 << 16))
        elif isinstance(event, h11.Response):
            answer = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and answer is not None:
            return answer, bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("closed before an answer")


async def _writable(opened: socket.socket) -> None:
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


async def _first(*tasks: asyncio.Future[Any], budget_s: float) -> asyncio.Future[Any] | None:
    """Return the first of ``tasks`` (in their order) that is done, None if time ran out; the others are cancelled."""
    done, pending = await asyncio.wait(tasks, timeout=budget_s, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return next((task for task in tasks if task in done), None)


def _deadly(rule: str) -> bool:
    return not rule.startswith(_MARKS)


def _flow(opened: socket.socket, protocol: int, peer: tuple[IPv4Address, int] | None = None) -> Flow:
    source, source_port = opened.getsockname()
    if peer is None:
        name, port = opened.getpeername()
        peer = (IPv4Address(name), port)
    return Flow(
        protocol=protocol,
        source=IPv4Address(source),
        source_port=source_port,
        destination=peer[0],
        destination_port=peer[1],
    )


def _failed(layer: str, error: OSError, flow: Flow | None, since: int, detail: str) -> Attempt:
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return Attempt(flow=flow, since=since, signature=_known(layer, name), detail=detail)


def _known(layer: str, value: str) -> Signature:
    found = signatures.read(layer, value)
    if found is None:
        raise ProbeFailed(f"{layer}: {value} has no meaning here")
    return found
