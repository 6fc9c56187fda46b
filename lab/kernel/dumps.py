"""What a namespace's kernel is set up to do with packets, as it says itself: links, addresses, routes, rules and more.

Read by netlink, in words like those of ``ip``; what has no word here is shown as its bytes, so nothing that differs
reads alike. Packet filters are read by ``lab.kernel.ruleset``. Looks, changes nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lab.kernel.messages import MAIN_TABLE
from lab.kernel.netlink import DUMP, NetlinkSocket, attribute, attributes, dump

_GETLINK, _GETADDR, _GETROUTE, _GETNEIGH, _GETRULE, _GETQDISC, _GETNETCONF = 18, 22, 26, 30, 34, 38, 82
_IPV4: Final = socket.AF_INET
_NO_STATISTICS: Final = attribute(29, struct.pack("=I", 8))
_ATTRIBUTE: Final = struct.Struct("=HH")
_UP, _NO_ARP, _CARRIER = 0x1, 0x80, 0x10000
_OF_LINKS: Final = frozenset((_NAME := 3, _MTU := 4, _MASTER := 10, _XDP := 43))
_PERMANENT, _NO_PREFIX_ROUTE, _SECONDARY = 0x80, 0x200, 0x1
_ROUTE_KINDS: Final = {1: "", 2: "local ", 3: "broadcast ", 6: "blackhole ", 7: "unreachable ", 8: "prohibit "}
_SCOPES: Final = {2: 254, 3: 253}  # of local and broadcast routes; the others' depend on their gateway
_DEAD: Final = 1
_TO_TABLE: Final = 1
_ALL_LINKS: Final = -1
_PERMANENT_NEIGHBOUR: Final = 0x80
_UNANSWERED: Final = 0x01 | 0x20  # incomplete, failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link: its name, whether it is up and carries, and what is unusual about it (in words, else empty)."""

    name: str
    up: bool
    carrier: bool
    odd: str


def _asked(opened: NetlinkSocket, kind: int, header: bytes, *parts: bytes) -> list[bytes]:
    """Return the bodies of the answers to a request for a list; ``OSError`` when the kernel gives none."""
    body = header + b"".join(parts)
    return dump(opened, struct.pack("=IHHII", 16 + len(body), kind, DUMP | 1, 0, 0) + body)


def _some(body: bytes, at: int, kinds: frozenset[int]) -> dict[int, bytes]:
    """Return the attributes of these kinds; a link has fifty, and taking them all is most of an audit's time."""
    found, end, read = {}, len(body), _ATTRIBUTE.unpack_from
    while at + 4 <= end:
        length, kind = read(body, at)
        if length < 4:
            break
        if kind & 0x3FFF in kinds:
            found[kind & 0x3FFF] = body[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _word(data: bytes) -> int:
    """Return a number in the machine's order."""
    number: int = struct.unpack("=I", data)[0]
    return number


def _name(data: bytes) -> str:
    """Return a text that ends in zeros."""
    return data.rstrip(b"\0").decode()


def _unknown(rest: Mapping[int, bytes]) -> str:
    """Return attributes that have no word here."""
    return "".join(f" attribute {kind} {data.hex()}" for kind, data in sorted(rest.items()))


def links(opened: NetlinkSocket) -> dict[int, Link]:
    """Return the links of the socket's namespace by index."""
    found: dict[int, Link] = {}
    for body in _asked(opened, _GETLINK, bytes(16), _NO_STATISTICS):
        index, flags = struct.unpack_from("=iI", body, 4)
        known = _some(body, 16, _OF_LINKS)
        odd = " noarp" * bool(flags & _NO_ARP)
        if _MASTER in known:
            odd += f" master {_word(known[_MASTER])}"
        if index != 1 and (mtu := _word(known[_MTU])) != 1500:
            odd += f" mtu {mtu}"
        program = known.get(_XDP, b"")
        if any(kind == 2 and data != b"\0" for kind, data in attributes(program, 0, len(program))):
            odd += " xdp"
        name = _name(known[_NAME])
        found[index] = Link(name=name, up=bool(flags & _UP), carrier=bool(flags & _CARRIER), odd=odd.lstrip())
    return found


def _link(names: Mapping[int, Link], index: int) -> str:
    """Return a link's name."""
    return names[index].name if index in names else f"if{index}"


def addresses(opened: NetlinkSocket, names: Mapping[int, Link]) -> Iterator[str]:
    """Yield each address of any family as ``ADDRESS/LENGTH dev NAME``, with what is unusual behind it."""
    for body in _asked(opened, _GETADDR, bytes(8)):
        family, length, _, _, index = struct.unpack_from("=BBBBI", body)
        known = dict(attributes(body, 8, len(body)))
        peer = known[1]
        local = known.get(2, peer)
        text = f"{socket.inet_ntop(family, local)}/{length} dev {_link(names, index)}"
        flags = _word(known.get(8, bytes(4)))
        if flags & _NO_PREFIX_ROUTE:
            text += " noprefixroute"
        if peer != local:
            text += f" peer {socket.inet_ntop(family, peer)}"
        if unusual := flags & ~(_PERMANENT | _NO_PREFIX_ROUTE | _SECONDARY):
            text += f" flags {unusual:#x}"
        yield text


def routes(opened: NetlinkSocket, names: Mapping[int, Link]) -> Iterator[str]:
    """Yield the IPv4 routes of all tables as ``[KIND ]DST[ via GATEWAY][ dev NAME][ table N]``, then the unusual."""
    for body in _asked(opened, _GETROUTE, struct.pack("=B11x", _IPV4)):
        _, length, src_length, tos, table, _, scope, kind, flags = struct.unpack_from("=8BI", body)
        rest = dict(attributes(body, 12, len(body)))
        dst, gateway, out, source = rest.pop(1, bytes(4)), rest.pop(5, None), rest.pop(4, None), rest.pop(7, None)
        number, metric = rest.pop(15, None), rest.pop(6, None)
        words = [_ROUTE_KINDS.get(kind, f"kind-{kind} ")]
        words.append(f"{socket.inet_ntoa(dst)}/{length}" if length else "default")
        if gateway is not None:
            words.append(f" via {socket.inet_ntoa(gateway)}")
        if out is not None:
            words.append(f" dev {_link(names, _word(out))}")
        where = table if number is None else _word(number)
        words.append(f" table {where}" * (where != MAIN_TABLE))
        if source is not None:
            words.append(f" src {socket.inet_ntoa(source)}")
        if metric is not None:
            words.append(f" metric {_word(metric)}")
        if scope != _SCOPES.get(kind, 253 if kind == 1 and gateway is None else 0):
            words.append(f" scope {scope}")
        if src_length or tos:
            words.append(f" from /{src_length} tos {tos}")
        if flags & _DEAD:
            words.append(" dead")
        yield "".join(words) + _unknown(rest)


def rules(opened: NetlinkSocket) -> Iterator[str]:
    """Yield the IPv4 policy rules as ``PRIORITY:[ iif NAME][ fwmark NUMBER] lookup TABLE``, then the unusual."""
    for body in _asked(opened, _GETRULE, struct.pack("=B11x", _IPV4)):
        _, dst_length, src_length, tos, table, _, _, action, flags = struct.unpack_from("=8BI", body)
        rest = dict(attributes(body, 12, len(body)))
        rest.pop(21, None)  # who made it
        number, priority, incoming = rest.pop(15, None), rest.pop(6, bytes(4)), rest.pop(3, None)
        mark, mask, suppressed = rest.pop(10, None), rest.pop(16, None), rest.pop(14, b"\xff" * 4)
        text = f"{_word(priority)}:"
        if incoming is not None:
            text += f" iif {_name(incoming)}"
        if mark is not None:
            text += f" fwmark {_word(mark)}"
        text += f" lookup {table if number is None else _word(number)}"
        if mask not in {None, b"\xff" * 4}:
            rest[16] = mask or b""
        if suppressed != b"\xff" * 4:
            rest[14] = suppressed
        if dst_length or src_length or tos or flags or action != _TO_TABLE:
            text += f" header {dst_length} {src_length} {tos} {flags:#x} {action}"
        yield text + _unknown(rest)


def neighbours(opened: NetlinkSocket, names: Mapping[int, Link]) -> Iterator[str]:
    """Yield the permanent IPv4 neighbours, which nobody learned, as ``ADDRESS lladdr BYTES dev NAME``."""
    for body in _asked(opened, _GETNEIGH, struct.pack("=B11x", _IPV4)):
        index, state = struct.unpack_from("=iH", body, 4)
        if state & _PERMANENT_NEIGHBOUR:
            known = dict(attributes(body, 12, len(body)))
            yield f"{socket.inet_ntoa(known[1])} lladdr {known.get(2, b'').hex(':')} dev {_link(names, index)}"


def unanswered(opened: NetlinkSocket, names: Mapping[int, Link]) -> Iterator[str]:
    """Yield the IPv4 neighbours that were asked for and that nobody answered for, as ``ADDRESS dev NAME``."""
    for body in _asked(opened, _GETNEIGH, struct.pack("=B11x", _IPV4)):
        index, state = struct.unpack_from("=iH", body, 4)
        if state & _UNANSWERED:
            yield f"{socket.inet_ntoa(dict(attributes(body, 12, len(body)))[1])} dev {_link(names, index)}"


def queues(opened: NetlinkSocket, names: Mapping[int, Link]) -> Iterator[str]:
    """Yield the queueing disciplines of links that are up, but for ``noqueue``, as ``KIND dev NAME``."""
    for body in _asked(opened, _GETQDISC, bytes(20)):
        (index,) = struct.unpack_from("=i", body, 4)
        kind = _name(dict(attributes(body, 20, len(body)))[1])
        if kind != "noqueue" and index in names and names[index].up:
            yield f"{kind} dev {_link(names, index)}"


_SETTINGS: Final = {3: "rp_filter", 4: "mc_forwarding", 5: "proxy_arp", 6: "ignore_routes_with_linkdown"}


def forwarding(opened: NetlinkSocket, names: Mapping[int, Link]) -> dict[str, str]:
    """Return, by link (and ``all``), ``forwarding`` or ``no forwarding``, and what else is not 0 of its settings."""
    found: dict[str, str] = {}
    for body in _asked(opened, _GETNETCONF, struct.pack("=B3x", _IPV4)):
        known = {kind: struct.unpack("=i", data)[0] for kind, data in attributes(body, 4, len(body))}
        index = known[1]
        if index != _ALL_LINKS and index not in names:
            continue  # a setting for links to come
        odd = "".join(f", {name} {known[kind]}" for kind, name in _SETTINGS.items() if known.get(kind))
        text = ("forwarding" if known[2] else "no forwarding") + odd
        found["all" if index == _ALL_LINKS else _link(names, index)] = text
    return found
