"""Making a namespace's kernel forget what it was told since it began, as one that starts again has.

What a list has is deleted as it was read, so nothing here knows what an entry means. What the kernel keeps all the same
is left: whoever looks afterwards (``lab.kernel.dumps``) finds it.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Final

from lab.kernel import dumps, messages, nftables
from lab.kernel.netlink import DUMP, REQUEST, NetlinkError, NetlinkSocket, attribute, batch, dump

_NEWLINK, _GETLINK, _GETADDR, _GETROUTE, _GETRULE, _GETQDISC = 16, 18, 22, 26, 34, 38
_LOOPBACK: Final = 1
_LINK_BYTES: Final = 16  # a link is known by its header, and refused with all that is said of it
_UP_OR_NO_ARP: Final = 0x1 | 0x80
_MTU: Final = attribute(4, struct.pack("=I", 1500))
_OF_IPV4: Final = struct.pack("=B11x", 2)
_RULES: Final = tuple(messages.rule(priority, table) for priority, table in ((0, 255), (32766, 254), (32767, 253)))


def everything(route: NetlinkSocket, netfilter: NetlinkSocket, own: Collection[int]) -> None:
    """Have a namespace's kernel forget links that are not ``own``, queues, addresses, routes, rules and filters.

    Its links are down afterwards, the loopback too.

    Args:
        route, netfilter: Sockets of the namespace.
        own: The indices of the links that stay.

    Raises:
        OSError: The kernel gives no list.
    """
    batch(route, [_down(index, own) for index in dumps.links(route)])
    _clear(route, _GETLINK, bytes(16), kept={_LOOPBACK, *own})
    _clear(route, _GETQDISC, bytes(20))
    _clear(route, _GETADDR, bytes(8))
    _clear(route, _GETROUTE, _OF_IPV4)
    _clear(route, _GETRULE, _OF_IPV4)
    batch(route, _RULES)
    nftables.transaction(netfilter, [nftables.DELETE_EVERY_TABLE])


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _down(index: int, own: Collection[int]) -> bytes:
    """Set a link down, and one's own as it was made."""
    made = _MTU if index in own else b""
    return _message(_NEWLINK, REQUEST, struct.pack("=4xiII", index, 0, _UP_OR_NO_ARP if made else 1) + made)


def _clear(opened: NetlinkSocket, kind: int, header: bytes, *, kept: Collection[int] = ()) -> None:
    """Delete what a list has, but for links of the indices ``kept``, until nothing is there, or goes any more."""
    before, size = None, _LINK_BYTES if kind == _GETLINK else None
    while there := [body for body in _listed(opened, kind, header) if struct.unpack_from("=i", body, 4)[0] not in kept]:
        if before is not None and len(there) >= before:
            return
        before = len(there)
        try:
            batch(opened, [_message(kind - 1, REQUEST, body[:size]) for body in there])
        except NetlinkError:
            continue  # one went with another, such as a veth with its peer: what is left is read again


def _listed(opened: NetlinkSocket, kind: int, header: bytes) -> list[bytes]:
    return dump(opened, _message(kind, DUMP | REQUEST, header))
