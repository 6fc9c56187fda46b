"""Connection tracking: what the kernel made of a connection, and forgetting what is established."""

from __future__ import annotations

import errno
import struct
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from pyroute2.netlink.nfnetlink import nfgen_msg

from lab.kernel.netlink import NetlinkError, NetlinkSocket, attribute, attributes, batch, encode, request

_SUBSYSTEM: Final = 1 << 8
_GET, _DELETE = 1, 2
_IPV4: Final = 2
_NESTED: Final = 0x8000
_ORIGINAL, _REPLY, _ZONE = 1, 2, 18  # of a connection
_ADDRESSES, _PORTS = 1, 2  # of one of its directions

_FLUSH = encode(nfgen_msg, _SUBSYSTEM | _DELETE, 0, nfgen_family=_IPV4)


class Ends(NamedTuple):
    """Who talks to whom in one direction of a TCP or UDP connection; ``protocol`` is IP's number."""

    protocol: int
    source: IPv4Address
    source_port: int
    destination: IPv4Address
    destination_port: int


def flush(opened: NetlinkSocket) -> None:
    """Forget every IPv4 connection of the network namespace to which the netfilter socket ``opened`` belongs."""
    batch(opened, [_FLUSH])


def onward(opened: NetlinkSocket, ends: Ends, *, zone: int) -> Ends | None:
    """Return what packets that came as ``ends`` went on as, addresses translated; None where none of them went on.

    Args:
        opened: A netfilter socket of the namespace that forwards them.
        ends: As their sender sent them.
        zone: The zone in which they are tracked.

    Raises:
        OSError: The kernel could not be asked.
    """
    body = struct.pack("=BBH", _IPV4, 0, 0)
    body += attribute(_NESTED | _ORIGINAL, _direction(ends)) + attribute(_ZONE, struct.pack(">H", zone))
    asked = struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM | _GET, 1, 0, 0) + body
    try:
        answer = request(opened, asked)
    except NetlinkError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    back = _inner(_inner(answer[4:])[_REPLY])
    addresses, ports = _inner(back[_ADDRESSES]), _inner(back[_PORTS])
    # the answer's ends, turned round
    return Ends(
        ports[1][0],
        IPv4Address(addresses[2]),
        int.from_bytes(ports[3]),
        IPv4Address(addresses[1]),
        int.from_bytes(ports[2]),
    )


def _direction(ends: Ends) -> bytes:
    """Return the ends as netlink says them."""
    addresses = attribute(1, ends.source.packed) + attribute(2, ends.destination.packed)
    ports = (
        attribute(kind, struct.pack(">H", port)) for kind, port in ((2, ends.source_port), (3, ends.destination_port))
    )
    about = attribute(1, bytes((ends.protocol,))) + b"".join(ports)
    return attribute(_NESTED | _ADDRESSES, addresses) + attribute(_NESTED | _PORTS, about)


def _inner(data: bytes) -> dict[int, bytes]:
    """Return the attributes inside an attribute."""
    return dict(attributes(data, 0, len(data)))
