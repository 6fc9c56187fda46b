"""The lab's resolvers: authoritative for the emulated cloud's names, and for nothing else.

Private names are ordinary names: every resolver gives every caller the same answer. Reachability
differs, not resolution.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Final

from dnslib import QTYPE, RCODE, RR, SOA, A, DNSRecord
from dnslib.dns import DNSError

PORT: Final = 53
_IDLE_S: Final = 30.0
_TTL_S: Final = 90  # as the product's service endpoints have it


class Zone:
    """Names and their addresses; grows when instances are provisioned."""

    def __init__(self, names: Mapping[str, Sequence[IPv4Address]]) -> None:
        """Start with ``names``."""
        self._addresses = {name: tuple(addresses) for name, addresses in names.items()}
        self._answers: dict[bytes, bytes] = {}

    def add(self, names: Mapping[str, Sequence[IPv4Address]]) -> None:
        """Add or replace names."""
        self._addresses.update({name: tuple(addresses) for name, addresses in names.items()})
        self._answers.clear()

    def answer(self, query: bytes) -> bytes | None:
        """Return the answer to ``query``; None if it is no query that can be read."""
        if (known := self._answers.get(query[2:])) is not None:
            return query[:2] + known
        try:
            question = DNSRecord.parse(query)
        except DNSError:
            return None
        if question.header.qr or not question.questions:
            return None
        name = str(question.q.qname).rstrip(".").lower()
        reply = question.reply(aa=1, ra=1)
        if (addresses := self._addresses.get(name)) is None:
            reply.header.rcode = RCODE.NXDOMAIN
        elif question.q.qtype in {QTYPE.A, QTYPE.ANY}:
            for address in addresses:
                reply.add_answer(RR(question.q.qname, QTYPE.A, rdata=A(str(address)), ttl=_TTL_S))
        if not reply.rr:
            # a name without an address of this kind: NOERROR without data, and how long to remember that
            reply.add_auth(RR("cloud.ibm.com", QTYPE.SOA, rdata=SOA("ns.cloud.ibm.com", "lab.cloud.ibm.com"), ttl=5))
        packed = bytes(reply.pack())
        if len(self._answers) < 4096:
            self._answers[query[2:]] = packed[2:]
        return query[:2] + packed[2:]


class _Answerer(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and (answer := self._zone.answer(data)) is not None:
            self._transport.sendto(answer, addr)


async def serve(zone: Zone, datagrams: socket.socket, streams: socket.socket) -> None:
    """Answer on a bound UDP and a listening TCP socket, both made in the resolver's namespace, until the loop ends."""
    loop = asyncio.get_running_loop()
    datagrams.setblocking(False)
    streams.setblocking(False)
    await loop.create_datagram_endpoint(lambda: _Answerer(zone), sock=datagrams)
    await asyncio.start_server(lambda reader, writer: _converse(zone, reader, writer), sock=streams)


async def _converse(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            async with asyncio.timeout(_IDLE_S):
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(length)
            if (answer := zone.answer(query)) is None:
                return
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        return  # the client has what it wanted
    finally:
        writer.close()
