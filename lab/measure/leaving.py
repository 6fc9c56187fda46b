"""Public packets: which of the frames that left a host are, by what they bear and by where they left. Pure.

A public packet is an IPv4 or IPv6 packet that leaves a public NIC, or is addressed outside the cloud's private
networks, or asks for a name that is not a private service's. ARP and neighbour discovery do not count. What a lab sends
to show that its capture sees (a canary) is such a packet, so what recognises one recognises the other.
"""

from __future__ import annotations

import struct
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from dnslib import DNSRecord
from dnslib.dns import DNSError

from lab.measure.flow import TCP, UDP
from lab.model.addresses import PRIVATE

_IPV4, _IPV6, _TAGS = 0x0800, 0x86DD, frozenset({0x8100, 0x88A8})
_ICMP6: Final = 58
_NEIGHBOUR_DISCOVERY: Final = range(133, 138)
_DNS: Final = 53
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
        case 0x86DD if len(packet) >= 40:
            destination, protocol, payload = IPv6Address(packet[24:40]), packet[6], packet[40:]
            outside = True
            if protocol == _ICMP6 and payload[:1] and payload[0] in _NEIGHBOUR_DISCOVERY:
                return ""
        case _:
            return ""
    if by_public_nic:
        return f"to {destination}, by a public NIC"
    if outside:
        return f"to {destination}, which is outside {', '.join(map(str, PRIVATE))}"
    return _asked(protocol, payload, private_names)


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


def _asked(protocol: int, payload: bytes, private_names: AbstractSet[str]) -> str:
    """Return what is public about a packet to a private address: a query for another name than a private service's."""
    least = {TCP: _TCP_HEADER, UDP: _UDP_HEADER}.get(protocol, len(payload) + 1)
    if len(payload) < least or struct.unpack_from("!H", payload, 2)[0] != _DNS:
        return ""
    # a query over TCP has its length before it, and packets without one (SYN, FIN) ask for nothing
    query = payload[_UDP_HEADER:] if protocol == UDP else payload[(payload[12] >> 4) * 4 :][2:]
    if not query:
        return ""
    try:
        names = [str(question.qname).rstrip(".").lower() for question in DNSRecord.parse(query).questions]
    except (DNSError, IndexError, ValueError):
        return "to a resolver, and no query that can be read"
    foreign = [name for name in names if name not in private_names]
    return f"asks for {', '.join(foreign)}" if foreign else ""
