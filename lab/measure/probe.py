"""The probe: one call of one node, from the name to the HTTP answer, with what each layer showed.

Names are asked of the node's own resolver, and every address is tried in order, as clients do. What keeps the
question from being asked raises; it is no verdict.
"""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import IPv4Address
from typing import Final

import h11
from dnslib import QTYPE, RCODE, DNSRecord
from dnslib.dns import DNSError

from lab.errors import ProbeFailed
from lab.measure.dialling import Connected, Dialler
from lab.measure.observation import Attempt, Observation, known
from lab.measure.places import Places
from lab.measure.requests import HttpRequest
from lab.measure.sightings import Sightings
from lab.model import signatures

ANSWER_BUDGET_S: Final = 10.0
DNS_PORT: Final = 53


class Prober:
    """Asks on behalf of nodes. ``trust`` is the context of a client that trusts the lab's CA only."""

    def __init__(self, places: Places, sightings: Sightings, trust: ssl.SSLContext) -> None:
        """Keep what probing needs; nothing is opened before a question."""
        self._places, self._trust = places, trust
        self._dialler = Dialler(places, sightings)

    async def ask(
        self,
        node: str,
        name: str,
        port: int,
        request: HttpRequest,
        *,
        at: IPv4Address | None = None,
        first_only: bool = False,
    ) -> Observation:
        """Return what ``node`` sees when it sends ``request`` to ``name``.

        Args:
            first_only: Give up after the first of the name's addresses.
            at: The one address to try, without asking a resolver; by default every address of the name, in order,
                until one accepts.

        Raises:
            ProbeFailed: The question could not be asked, or something happened that has no meaning.
        """
        resolved = await self.resolve(node, name) if at is None else ()
        if isinstance(resolved, Attempt):
            return Observation(node=node, name=name, port=port, attempts=(resolved,))
        failures: list[Attempt] = []
        tried = resolved if at is None else (at,)
        for address in tried[:1] if first_only else tried:
            connected = await self._dialler.connect(node, address, port)
            if isinstance(connected, Connected):
                return await self._converse(node, name, resolved, connected, request, tuple(failures))
            failures.append(connected)
        # All addresses failed: the first one is what a client reports, the others stand before it.
        attempts = (*failures[1:], failures[0])
        return Observation(node=node, name=name, port=port, resolved=resolved, attempts=attempts)

    async def resolve(self, node: str, name: str) -> tuple[IPv4Address, ...] | Attempt:
        """Return the addresses that the node's resolver knows, in its order, or what became of the question."""
        resolver = self._places.resolver(node)
        answer = await self._dialler.query(node, resolver, DNS_PORT, DNSRecord.question(name).pack())
        if isinstance(answer, Attempt):
            return answer
        try:
            reply = DNSRecord.parse(answer)
        except DNSError as error:
            raise ProbeFailed(f"resolver {resolver} answers what is no DNS message: {error}") from error
        addresses = tuple(IPv4Address(str(record.rdata)) for record in reply.rr if record.rtype == QTYPE.A)
        if addresses:
            return addresses
        signature, detail = known("dns", RCODE.get(reply.header.rcode)), f"{resolver} knows no {name}"
        return Attempt(flow=None, since=0, signature=signature, address=resolver, detail=detail)

    async def _converse(
        self,
        node: str,
        name: str,
        resolved: tuple[IPv4Address, ...],
        connected: Connected,
        request: HttpRequest,
        failures: tuple[Attempt, ...],
    ) -> Observation:
        flow, since = connected.flow, connected.since
        answer, body = None, b""
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
            signature, detail = known("tls", "alert"), str(error)
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            raise ProbeFailed(f"{name} ({flow}): the connection broke off: {error!r}") from error
        else:
            found = signatures.read("http", str(answer.status_code))
            if found is None:
                raise ProbeFailed(f"{name} ({flow}): HTTP {answer.status_code} has no meaning here: {body[:200]!r}")
            signature, detail = found, f"HTTP {answer.status_code}"
        if failures:
            detail += f" at {flow.destination}, the {_ordinal(len(failures) + 1)} address that was tried"
        attempt = Attempt(
            flow=flow, since=since, signature=signature, address=flow.destination, at=connected.at, detail=detail
        )
        return Observation(
            node=node,
            name=name,
            port=flow.destination_port,
            resolved=resolved,
            attempts=(*failures, attempt),
            status=answer.status_code if answer is not None else None,
            headers={key.decode(): value.decode() for key, value in answer.headers} if answer is not None else {},
            body=body,
        )


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


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
