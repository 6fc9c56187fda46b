"""The probe: one call of one node, from the name to the HTTP or gRPC answer, with what each layer showed.

Names are asked of the node's own resolver, and every address is tried in order, as clients do. What keeps the
question from being asked raises; it is no verdict.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

import h2.exceptions
import h11
from dnslib import QTYPE, RCODE, DNSRecord
from dnslib.dns import DNSError

from lab.errors import ProbeFailed
from lab.measure import grep11, grpc, requests
from lab.measure.dialling import Connected, Dialler
from lab.measure.flow import Flow
from lab.measure.grep11 import GrpcRequest
from lab.measure.observation import Attempt, Observation, known
from lab.measure.places import Places
from lab.measure.requests import HttpRequest
from lab.measure.sightings import Sightings
from lab.model import signatures

ANSWER_BUDGET_S: Final = 10.0
DNS_PORT: Final = 53
NUMBER: Final = "correlation-id"
"""The header under whose value services log a request."""


class Prober:
    """Asks on behalf of nodes. ``trust`` is the context of a client that trusts the lab's CA only."""

    def __init__(self, places: Places, sightings: Sightings, trust: ssl.SSLContext) -> None:
        """Keep what probing needs; nothing is opened before a question."""
        trust.set_alpn_protocols([grpc.ALPN, "http/1.1"])  # of which a door speaks one
        self._places, self._trust = places, trust
        self._dialler = Dialler(places, sightings)
        self._open: set[str] = set()

    def claim(self, number: str) -> bool:
        """Take a request that services logged under ``number``, its correlation id; False if it is none of these.

        Each is taken once: what is logged under its number again is a program's, which may say whatever it has seen.
        """
        ours = number in self._open
        self._open.discard(number)
        return ours

    def sent(self, node: str) -> Sequence[Flow]:
        """Return the flow of everything that was sent for ``node``, in order."""
        return self._dialler.sent.get(node, ())

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
        number = request.headers.get(NUMBER) or secrets.token_hex(16)
        self._open.add(number)
        request = replace(request, headers={**request.headers, NUMBER: number})
        resolved = await self.resolve(node, name) if at is None else ()
        if isinstance(resolved, Attempt):
            self._open.discard(number)
            return Observation(node=node, name=name, port=port, attempts=(resolved,))
        failures: list[Attempt] = []
        tried = resolved if at is None else (at,)
        for address in tried[:1] if first_only else tried:
            connected = await self._dialler.connect(node, address, port)
            if isinstance(connected, Connected):
                return await self._converse(node, name, resolved, connected, request, tuple(failures))
            failures.append(connected)
        self._open.discard(number)  # nobody answered: nothing of it is logged
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
        heard: _Heard | None = None
        try:
            async with asyncio.timeout(ANSWER_BUDGET_S):
                reader, writer = await asyncio.open_connection(
                    sock=connected.socket, ssl=self._trust, server_hostname=name
                )
                speak = _grpc if isinstance(request, GrpcRequest) else _http
                try:
                    heard = await speak(reader, writer, f"{name}:{flow.destination_port}", request)
                finally:
                    writer.close()
        except TimeoutError as error:
            raise ProbeFailed(f"{name} ({flow}): connected, but no answer in {ANSWER_BUDGET_S:.0f} s") from error
        except ssl.SSLCertVerificationError as error:
            signature, detail = known("tls", "alert"), str(error)
        except _OtherProtocol as error:
            signature, detail = known("tls", str(error)), f"the door agreed to {error} only"
        except (OSError, EOFError, h11.RemoteProtocolError, h2.exceptions.ProtocolError) as error:
            raise ProbeFailed(f"{name} ({flow}): the connection broke off: {error!r}") from error
        else:
            found = signatures.read(heard.layer, heard.value)
            if found is None:
                told = heard.refusal or repr(heard.body[:200])
                raise ProbeFailed(f"{name} ({flow}): {heard.detail} has no meaning here: {told}")
            signature, detail = found, heard.detail
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
            status=heard.status if heard else None,
            headers=heard.headers if heard else {},
            body=heard.body if heard else b"",
            refusal=heard.refusal if heard else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """An answer of either protocol: what the signatures' table is asked for, and what came with it."""

    layer: str
    value: str
    detail: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    refusal: str = ""


class _OtherProtocol(Exception):
    """The door agreed to a protocol that the client does not speak; the message is its name."""


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


async def _grpc(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, request: HttpRequest
) -> _Heard:
    """Make one call and return its answer."""
    if (spoken := writer.get_extra_info("ssl_object").selected_alpn_protocol()) != grpc.ALPN:
        raise ProbeFailed(f"{authority} speaks {spoken}, and gRPC needs {grpc.ALPN}")
    answer = await grpc.call(reader, writer, authority, request)
    value, text = grep11.showed(answer.status, answer.details)
    refusal = f"{value.partition(' ')[2]}: {text}" if text else ""
    return _Heard(
        layer="grpc", value=value, detail=f"gRPC {value}", status=answer.status, body=answer.body, refusal=refusal
    )


async def _http(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, request: HttpRequest
) -> _Heard:
    """Send one request and return its answer."""
    if (spoken := writer.get_extra_info("ssl_object").selected_alpn_protocol()) == grpc.ALPN:
        raise _OtherProtocol(spoken)
    connection = h11.Connection(h11.CLIENT)
    headers = {"host": authority, "connection": "close", "content-length": str(len(request.body))}
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
            told = {key.decode(): value.decode() for key, value in answer.headers}
            status = answer.status_code
            return _Heard(
                layer="http",
                value=requests.shown(request, status, bytes(body)),
                detail=f"HTTP {status}",
                status=status,
                headers=told,
                body=bytes(body),
            )
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError("closed before an answer")
