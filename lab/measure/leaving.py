"""Public packets: which of the frames that left a host are, by what they bear and by where they left. Pure.

A public packet is an IPv4 or IPv6 packet that leaves a public NIC, or is addressed outside the cloud's private
networks, or asks for a name that is not a private service's. ARP and neighbour discovery on the link (which no router
sends on) do not count. What a lab sends to show that its capture sees (a canary) is such a packet, so what recognises
one recognises the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

from dnslib.bimap import BimapError
from dnslib.buffer import BufferError as TooShort
from dnslib.dns import RR, DNSBuffer, DNSError, DNSHeader, DNSQuestion

from lab.measure.flow import TCP, UDP
from lab.model.addresses import PRIVATE

_IPV4, _IPV6, _TAGS = 0x0800, 0x86DD, frozenset({0x8100, 0x88A8})
_ICMP6: Final = 58
_NEIGHBOUR_DISCOVERY: Final = range(133, 138)
_ON_THE_LINK: Final = (IPv6Network("fe80::/10"), IPv6Network("ff02::/16"))
_NEVER_FORWARDED: Final = 255  # the hop limit without which neighbour discovery is not accepted
_MORE_PIECES, _PIECE = 0x2000, 0x1FFF
_DNS: Final = 53
_UNREADABLE: Final = "to a resolver, and no query that can be read"
_NOBODY: Final = bytes.fromhex("02000000ffff")  # an address that no link of a lab has: nobody takes the frame in
_ELSEWHERE: Final = IPv4Address("198.51.100.1")  # a documentation address, on the private network and off it
_DISCARD: Final = 9
_UDP_HEADER, _TCP_HEADER = 8, 20


def public(frame: bytes, *, by_public_nic: bool, private_names: AbstractSet[str]) -> str:
    """Return why an Ethernet frame that left a host is a public packet; empty if it is none.

    Args:
        by_public_nic: Whether it left by a public NIC.
        private_names: The names of private services, without a final dot.
    """
    kind, packet = _inside(frame)
    match kind:
        case 0x0800 if len(packet) >= 20:
            destination: IPv4Address | IPv6Address = IPv4Address(packet[16:20])
            protocol, payload = packet[9], packet[(packet[0] & 15) * 4 :]
            outside = not any(destination in network for network in PRIVATE)
            pieces = int.from_bytes(packet[6:8])
        case 0x86DD if len(packet) >= 40:
            destination, protocol, payload = IPv6Address(packet[24:40]), packet[6], packet[40:]
            outside, pieces = True, 0
            on_the_link = packet[7] == _NEVER_FORWARDED and any(destination in network for network in _ON_THE_LINK)
            if on_the_link and protocol == _ICMP6 and payload[:1] and payload[0] in _NEIGHBOUR_DISCOVERY:
                return ""
        case _:
            return ""
    if by_public_nic:
        return f"to {destination}, by a public NIC"
    if outside:
        return f"to {destination}, which is outside {', '.join(map(str, PRIVATE))}"
    return "" if pieces & _PIECE else _asked(protocol, payload, private_names, whole=not pieces & _MORE_PIECES)


def canary(token: bytes) -> bytes:
    """Return a frame that is a public packet wherever it leaves, bears ``token``, and is for nobody on the link."""
    datagram = struct.pack("!HHHH", _DISCARD, _DISCARD, _UDP_HEADER + len(token), 0) + token
    ends = IPv4Address("0.0.0.0").packed + _ELSEWHERE.packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 1, UDP, 0) + ends
    return _NOBODY + bytes(6) + struct.pack("!H", _IPV4) + head + datagram


def token_in(frame: bytes) -> bytes:
    """Return the token of a canary; empty if the frame is none."""
    return frame[42:] if frame[:12] == _NOBODY + bytes(6) and len(frame) > 42 else b""


def _inside(frame: bytes) -> tuple[int, bytes]:
    """Return protocol and packet of a frame, VLAN tags taken off."""
    at = 12
    while len(frame) >= at + 2:
        (kind,) = struct.unpack_from("!H", frame, at)
        if kind not in _TAGS:
            return kind, frame[at + 2 :]
        at += 4
    return 0, b""


def _asked(protocol: int, payload: bytes, private_names: AbstractSet[str], *, whole: bool) -> str:
    """Return what is public about a packet to a private address: a query for another name than a private service's.

    Of a packet in pieces (not ``whole``) it is asked of the first one, which alone says the port.
    """
    if protocol not in {TCP, UDP} or int.from_bytes(payload[2:4]) != _DNS:
        return ""
    if not whole:
        return _UNREADABLE
    try:
        names = [name for message in _messages(protocol, payload) for name in _names(message)]
    except (DNSError, TooShort, BimapError, IndexError, ValueError):
        return _UNREADABLE
    foreign = [name for name in names if name not in private_names]
    return f"asks for {', '.join(foreign)}" if foreign else ""


def _messages(protocol: int, payload: bytes) -> Iterator[bytes]:
    """Yield the messages of a datagram or a segment, which may have none; ValueError if bytes are left."""
    if protocol == UDP:
        if int.from_bytes(payload[4:6]) != len(payload):
            raise ValueError("a datagram of another length")
        yield payload[_UDP_HEADER:]
        return
    rest = payload[max(_TCP_HEADER, (payload[12] >> 4) * 4) :]
    while rest:
        end = 2 + int.from_bytes(rest[:2])
        if len(rest) < end:
            raise ValueError("a message that goes on elsewhere")
        yield rest[2:end]
        rest = rest[end:]


def _names(message: bytes) -> list[str]:
    """Return the names that a DNS message asks for; ValueError if it asks for none, or bytes are left."""
    buffer = DNSBuffer(message)
    header = DNSHeader.parse(buffer)
    questions = [DNSQuestion.parse(buffer) for _ in range(header.q)]
    for _ in range(header.a + header.auth + header.ar):
        RR.parse(buffer)
    if not questions or buffer.remaining():
        raise ValueError("no query, or more than one")
    return [str(question.qname).rstrip(".").lower() for question in questions]
