"""The rtnetlink requests a lab is made of, but for new links: addresses, routes, rules, and the question of a route.

Values come in as ``ipaddress`` objects, indexes and names; bytes come out, encoded by pyroute2 once per shape.
Nothing is sent from here except by ``lookup``, which asks.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from errno import ENOBUFS
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final, Literal

from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lab.kernel.netlink import (
    APPEND,
    CREATE,
    EXCL,
    REPLACE,
    NetlinkError,
    NetlinkSocket,
    Template,
    attributes,
    encode,
    request,
)

RouteKind = Literal["unicast", "unreachable", "blackhole", "prohibit"]
RouteAction = Literal["add", "append", "replace", "delete"]

MAIN_TABLE: Final = 254

_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _DELADDR = 16, 17, 18, 20, 21
_NEWROUTE, _DELROUTE, _GETROUTE, _NEWNEIGH, _NEWRULE, _DELRULE = 24, 25, 26, 28, 32, 33
_UP: Final = 1
_IPV4: Final = socket.AF_INET
NAME_BYTES: Final = 15
_KINDS: Final[dict[str, int]] = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}
_FLAGS: Final[dict[str, int]] = {
    "add": CREATE | EXCL,
    "append": CREATE | APPEND,
    "replace": CREATE | REPLACE,
    "delete": 0,
}
_STATIC, _LINK_SCOPE, _NOWHERE = 4, 253, 255
_NO_PREFIX_ROUTE: Final = 0x200
_NO_STATISTICS: Final = 8
_NAME_THE_TABLE: Final = 0x1000  # else the kernel answers 254 whatever table decided

# Marks stand for values in templates: no two alike, and none that a message holds by chance.
_INDEX, _WORD = 0x7A7B_7C71, 0x7A7B_7C72
_ADDRESS_1, _ADDRESS_2 = IPv4Address("201.202.203.204"), IPv4Address("211.212.213.214")


def u32(value: int) -> bytes:
    """Return ``value`` in the machine's byte order."""
    return struct.pack("=I", value)


def padded_name(name: str) -> bytes:
    """Return an interface's name as the fixed 15 bytes that the kernel accepts: padded with zeros."""
    data = name.encode()
    if not 0 < len(data) <= NAME_BYTES or "/" in name or any(c.isspace() for c in name):
        raise ValueError(f"{name!r} is no interface name: 1 to {NAME_BYTES} characters, no space, no slash")
    return data.ljust(NAME_BYTES, b"\0")


def nested(**values: object) -> dict[str, object]:
    """Return nested attributes in pyroute2's form."""
    return {"attrs": list(values.items())}


def link(flags: int, index: int, up: bool, **attrs: object) -> bytes:
    """Return a new-link request by pyroute2's class."""
    state = _UP if up else 0
    return encode(ifinfmsg, _NEWLINK, flags, attrs.items(), index=index, flags=state, change=state)


@lru_cache(maxsize=1024)
def link_up(index: int) -> bytes:
    """Set the link up."""
    return link(0, index, True)


def link_down(index: int) -> bytes:
    """Set the link down."""
    return encode(ifinfmsg, _NEWLINK, index=index, flags=0, change=_UP)


def link_master(index: int, master: int) -> bytes:
    """Make the link a port of the bridge ``master``, and up."""
    return link(0, index, True, IFLA_MASTER=master)


def link_mac(index: int, mac: str) -> bytes:
    """Give the link another MAC address."""
    return encode(ifinfmsg, _NEWLINK, 0, [("IFLA_ADDRESS", mac)], index=index)


def link_name(index: int, name: str) -> bytes:
    """Give the link another name."""
    padded_name(name)
    return encode(ifinfmsg, _NEWLINK, 0, [("IFLA_IFNAME", name)], index=index)


def delete_link(index: int) -> bytes:
    """Delete the link; of a pair, both ends go."""
    return encode(ifinfmsg, _DELLINK, index=index)


@lru_cache(maxsize=1024)
def get_link(index: int) -> bytes:
    """Ask for a link. On current kernels the question also makes its pending carrier change take effect."""
    return encode(ifinfmsg, _GETLINK, 0, [("IFLA_EXT_MASK", _NO_STATISTICS)], index=index)


def encode_address(index: int, interface: IPv4Interface, *, connected: bool, delete: bool = False) -> bytes:
    """Return the request for an address, encoded by pyroute2's class; ``address`` gives the same bytes."""
    attrs: list[tuple[str, object]] = [("IFA_LOCAL", str(interface.ip)), ("IFA_ADDRESS", str(interface.ip))]
    if not connected:
        attrs.append(("IFA_FLAGS", _NO_PREFIX_ROUTE))
    kind, flags = (_DELADDR, 0) if delete else (_NEWADDR, CREATE | REPLACE)
    return encode(ifaddrmsg, kind, flags, attrs, family=_IPV4, prefixlen=interface.network.prefixlen, index=index)


@lru_cache(maxsize=128)
def _address_template(length: int, connected: bool, delete: bool) -> Template:
    """Return the shape of an address of a subnet of that prefix length."""
    shape = encode_address(_INDEX, IPv4Interface((_ADDRESS_1, length)), connected=connected, delete=delete)
    return Template(shape, u32(_INDEX), _ADDRESS_1.packed)


def address(index: int, interface: IPv4Interface, *, connected: bool = True, delete: bool = False) -> bytes:
    """Give the link an address (or take it away); with ``connected`` false its subnet gets no route of its own."""
    return _address_template(interface.network.prefixlen, connected, delete)(u32(index), interface.ip.packed)


def encode_route(
    dst: IPv4Network,
    *,
    gateway: IPv4Address | None,
    index: int | None,
    table: int,
    kind: RouteKind,
    action: RouteAction,
) -> bytes:
    """Return the request for a route, encoded by pyroute2's class; ``route`` gives the same bytes."""
    # the attribute alone names the table: the header's byte is too small for our numbers
    attrs: list[tuple[str, object]] = [("RTA_TABLE", table)]
    if dst.prefixlen:
        attrs.append(("RTA_DST", str(dst.network_address)))
    if gateway is not None:
        attrs.append(("RTA_GATEWAY", str(gateway)))
    if index is not None:
        attrs.append(("RTA_OIF", index))
    number_ = _NEWROUTE if action != "delete" else _DELROUTE
    scope = _NOWHERE if action == "delete" else _LINK_SCOPE if kind == "unicast" and gateway is None else 0
    fields = {
        "family": _IPV4,
        "dst_len": dst.prefixlen,
        "table": 0,
        "proto": _STATIC,
        "type": _KINDS[kind],
        "scope": scope,
    }
    return encode(rtmsg, number_, _FLAGS[action], attrs, **fields)


@lru_cache(maxsize=256)
def _route_template(length: int, gateway: bool, index: bool, kind: RouteKind, action: RouteAction) -> Template:
    """Return the shape of a route to a network of that prefix length."""
    dst = IPv4Network((_ADDRESS_1, length), strict=False)
    via, out = _ADDRESS_2 if gateway else None, _INDEX if index else None
    shape = encode_route(dst, gateway=via, index=out, table=_WORD, kind=kind, action=action)
    marks = [u32(_WORD)]
    if length:
        # short prefixes leave few bits of an address: with its attribute's header the mark is unique
        marks.append(struct.pack("=HH", 8, 1) + dst.network_address.packed)
    if gateway:
        marks.append(_ADDRESS_2.packed)
    if index:
        marks.append(u32(_INDEX))
    return Template(shape, *marks)


def route(
    dst: IPv4Network,
    *,
    gateway: IPv4Address | None = None,
    index: int | None = None,
    table: int = MAIN_TABLE,
    kind: RouteKind = "unicast",
    action: RouteAction = "add",
) -> bytes:
    """Add, append, replace or delete a route; ``0.0.0.0/0`` is the default route.

    ``add`` is refused when there is one to the same destination, as ``ip route add`` is.
    """
    values = [u32(table)]
    if dst.prefixlen:
        values.append(struct.pack("=HH", 8, 1) + dst.network_address.packed)
    if gateway is not None:
        values.append(gateway.packed)
    if index is not None:
        values.append(u32(index))
    return _route_template(dst.prefixlen, gateway is not None, index is not None, kind, action)(*values)


@lru_cache(maxsize=256)
def rule(
    priority: int, table: int, *, iif: str | None = None, fwmark: int | None = None, delete: bool = False
) -> bytes:
    """Add or delete a policy rule: packets that came in by ``iif`` (or bear ``fwmark``) are looked up in ``table``.

    The interface need not exist yet.
    """
    attrs: list[tuple[str, object]] = [("FRA_PRIORITY", priority), ("FRA_TABLE", table)]
    if iif is not None:
        padded_name(iif)
        attrs.append(("FRA_IIFNAME", iif))
    if fwmark is not None:
        attrs += [("FRA_FWMARK", fwmark), ("FRA_FWMASK", 0xFFFF_FFFF)]
    kind, flags = (_DELRULE, 0) if delete else (_NEWRULE, CREATE | EXCL)
    return encode(fibmsg, kind, flags, attrs, family=_IPV4, table=0, action=1)


def neighbour(index: int, ip: IPv4Address, mac: str) -> bytes:
    """Add a permanent neighbour (an ARP entry)."""
    attrs = [("NDA_DST", str(ip)), ("NDA_LLADDR", mac)]
    return encode(ndmsg, _NEWNEIGH, CREATE | REPLACE, attrs, family=_IPV4, ifindex=index, state=0x80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Where the kernel would send a packet.

    ``error`` is the errno of a refused look-up (``ENETUNREACH``: no route; ``EHOSTUNREACH``, ``EACCES``, ``EINVAL``:
    an unreachable, prohibit, blackhole route decided), else None. ``table`` is the one that decided.
    """

    gateway: IPv4Address | None = None
    index: int | None = None
    source: IPv4Address | None = None
    table: int | None = None
    local: bool = False
    error: int | None = None


@lru_cache(maxsize=16)
def _lookup_template(source: bool, iif: bool, mark: bool) -> Template:
    """Return the shape of a question."""
    attrs: list[tuple[str, object]] = [("RTA_DST", str(_ADDRESS_1))]
    marks = [_ADDRESS_1.packed]
    if source:
        attrs.append(("RTA_SRC", str(_ADDRESS_2)))
        marks.append(_ADDRESS_2.packed)
    if iif:
        attrs.append(("RTA_IIF", _INDEX))
        marks.append(u32(_INDEX))
    if mark:
        attrs.append(("RTA_MARK", _WORD))
        marks.append(u32(_WORD))
    return Template(
        encode(
            rtmsg, _GETROUTE, 0, attrs, family=_IPV4, dst_len=32, src_len=32 if source else 0, flags=_NAME_THE_TABLE
        ),
        *marks,
    )


def lookup(
    opened: NetlinkSocket,
    destination: IPv4Address,
    *,
    source: IPv4Address | None = None,
    iif: int | None = None,
    fwmark: int | None = None,
) -> Lookup:
    """Ask the kernel where a packet to ``destination`` would go, in the namespace of the socket.

    With ``iif`` (the index of a link) the packet is one that arrives there to be forwarded; it then needs ``source``.

    Raises:
        NetlinkError: The answer was lost, which is no answer.
    """
    values = [destination.packed]
    if source is not None:
        values.append(source.packed)
    if iif is not None:
        values.append(u32(iif))
    if fwmark is not None:
        values.append(u32(fwmark))
    try:
        body = request(opened, _lookup_template(source is not None, iif is not None, fwmark is not None)(*values))
    except NetlinkError as refused:
        if refused.errno == ENOBUFS:
            raise
        return Lookup(error=refused.errno)
    found = dict(attributes(body, 12, len(body)))
    word = {kind: struct.unpack("=I", payload)[0] for kind, payload in found.items() if len(payload) == 4}
    return Lookup(
        gateway=IPv4Address(found[5]) if 5 in found else None,
        index=word.get(4),
        source=IPv4Address(found[7]) if 7 in found else None,
        table=word.get(15, body[4]),
        local=body[7] == 2,
    )
