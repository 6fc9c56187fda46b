"""Flows: who talks to whom, read from packets and from what an ICMP error quotes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lab.kernel.conntrack import Ends

TCP: Final = 6
UDP: Final = 17
ICMP: Final = 1
_IP_HEADER_BYTES: Final = 20
_PORTS: Final = struct.Struct("!HH")
_QUOTING: Final = frozenset({3, 11, 12})  # ICMP types that carry the packet they are about


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One direction of a conversation; ports are 0 where the protocol has none."""

    protocol: int
    source: IPv4Address
    source_port: int
    destination: IPv4Address
    destination_port: int

    @property
    def ends(self) -> Ends:
        """As the kernel's connection tracking is asked about it."""
        return Ends(self.protocol, self.source, self.source_port, self.destination, self.destination_port)

    def __str__(self) -> str:
        """For people: ``10.64.0.2:40000 > 166.9.12.20:9042 tcp``."""
        name = {TCP: "tcp", UDP: "udp", ICMP: "icmp"}.get(self.protocol, str(self.protocol))
        return f"{self.source}:{self.source_port} > {self.destination}:{self.destination_port} {name}"


def flow_of(packet: bytes) -> Flow | None:
    """Return the flow of an IPv4 packet; for an ICMP error that of the packet it quotes; None if it is neither."""
    if len(packet) < _IP_HEADER_BYTES or packet[0] >> 4 != 4:
        return None
    length = (packet[0] & 15) * 4
    protocol = packet[9]
    if protocol == ICMP and len(packet) > length + 8 and packet[length] in _QUOTING:
        return flow_of(packet[length + 8 :])
    ports = (0, 0)
    if protocol in {TCP, UDP} and len(packet) >= length + _PORTS.size:
        ports = _PORTS.unpack_from(packet, length)
    return Flow(
        protocol=protocol,
        source=IPv4Address(packet[12:16]),
        source_port=ports[0],
        destination=IPv4Address(packet[16:20]),
        destination_port=ports[1],
    )
