"""What the kernel says about links: their operational state and their addresses. Looks, changes nothing."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from lab.kernel.messages import get_link
from lab.kernel.netlink import DUMP, NetlinkSocket, attributes, dump, encode, number, received

OPERSTATE_UP: Final = 6
LINK_GROUP: Final = 1  # the multicast group of link events
_NEWLINK, _GETADDR = 16, 22
_IPV4: Final = socket.AF_INET


def operstates(opened: NetlinkSocket, indexes: Sequence[int]) -> dict[int, int]:
    """Return the operational state (6 is up) of each link in ``indexes``, all in the socket's namespace."""
    states: dict[int, int] = {}
    with opened.turn():
        for start in range(0, len(indexes), 32):  # an ordinary user's receive buffer holds the answers to as many
            opened.send(number([get_link(index) for index in indexes[start : start + 32]]))
            states.update(link_states(list(received(opened))))
    return states


def link_states(data: Sequence[tuple[int, int, int, bytes]]) -> dict[int, int]:
    """Return the operational states that the link events in ``data`` (from ``netlink.split``) announce."""
    return dict(state for kind, _, _, body in data if kind == _NEWLINK for state in _operstate(body))


def _operstate(body: bytes) -> list[tuple[int, int]]:
    """Return index and operational state of a link message, as a list of one, or of none."""
    (index,) = struct.unpack_from("=i", body, 4)
    return [(index, payload[0]) for kind, payload in attributes(body, 16, len(body)) if kind == 16]


def addresses(opened: NetlinkSocket, index: int) -> list[IPv4Interface]:
    """Return the IPv4 addresses that the link has in the kernel."""
    found: list[IPv4Interface] = []
    for body in dump(opened, encode(ifaddrmsg, _GETADDR, DUMP, family=_IPV4)):
        length, owner = body[1], struct.unpack_from("=I", body, 4)[0]
        local = dict(attributes(body, 8, len(body))).get(2)
        if owner == index and local:
            found.append(IPv4Interface((IPv4Address(local), length)))
    return found
