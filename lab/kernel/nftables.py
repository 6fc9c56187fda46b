"""nftables: tables, chains, sets and rules as messages, committed in one transaction.

Each expression is encoded by pyroute2's classes once and kept as bytes, so a rule costs microseconds. It makes and
sends messages and reads counters back; what a rule is for is the business of ``lab.net.filters``. Everything stands
in tables of the family ``inet``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Literal

from pyroute2.netlink.nfnetlink import nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import nft_chain_msg, nft_set_msg, nft_table_msg

from lab.kernel.netlink import APPEND, CREATE, DUMP, EXCL, NetlinkSocket, attribute, attributes, batch, dump, encode

Hook = Literal["prerouting", "input", "forward", "output", "postrouting"]
KeyType = Literal["ipv4_addr", "inet_service", "inet_proto", "ifname", "mark"]
Key = IPv4Address | IPv4Network | int | str

_SUBSYSTEM: Final = 10 << 8
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _GETRULE, _NEWSET, _NEWELEM, _DELELEM = 0, 2, 3, 6, 7, 9, 12, 14
_INET: Final = 1
_HOOKS: Final = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
# the type's number in nft's own listing, and the bytes of a value
_TYPES: Final[dict[KeyType, tuple[int, int]]] = {
    "ipv4_addr": (7, 4),
    "inet_proto": (12, 1),
    "inet_service": (13, 2),
    "mark": (19, 4),
    "ifname": (41, 16),
}
# a note for nft's own listing, without which it prints such keys backwards
_HOST_ORDER: Final = [("NFTNL_UDATA_SET_KEYBYTEORDER", struct.pack("=I", 1))]
_ELEMENTS_A_MESSAGE: Final = 500  # a nest of attributes ends at 64 KiB

_BEGIN, _END = (encode(nfgen_msg, kind, res_id=10) for kind in (0x10, 0x11))
_NFGEN: Final = struct.pack("=BBH", _INET, 0, 0)
DELETE_EVERY_TABLE: Final = struct.pack("=IHHII4x", 20, _SUBSYSTEM | _DELTABLE, 1, 0, 0)
"""Of any family, whoever made it; that there is none is no error."""


def transaction(opened: NetlinkSocket, messages: Sequence[bytes]) -> None:
    """Commit ``messages`` as one: all or none; a refusal names the place of its message in ``index``."""
    batch(opened, messages, _BEGIN, _END)


def _message(cls: type, kind: int, flags: int, **attrs: object) -> bytes:
    """Return a request by pyroute2's class."""
    return encode(
        cls, _SUBSYSTEM | kind, flags, ((k, v) for k, v in attrs.items() if v is not None), nfgen_family=_INET
    )


def _text(kind: int, text: str) -> bytes:
    """Return a text as an attribute."""
    return attribute(kind, text.encode() + b"\0")


def _framed(kind: int, flags: int, *parts: bytes) -> bytes:
    """Return a request made of finished attributes."""
    body = _NFGEN + b"".join(parts)
    return struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM | kind, flags | 1, 0, 0) + body


@lru_cache(maxsize=64)
def table(name: str) -> bytes:
    """Make the table, or do nothing when it is there."""
    return _message(nft_table_msg, _NEWTABLE, CREATE, NFTA_TABLE_NAME=name)


@lru_cache(maxsize=64)
def delete_table(name: str) -> bytes:
    """Delete the table with all that is in it; ``table`` first makes that right whether or not it is there."""
    return _message(nft_table_msg, _DELTABLE, 0, NFTA_TABLE_NAME=name)


@lru_cache(maxsize=256)
def chain(
    table: str,
    name: str,
    *,
    hook: Hook | None = None,
    priority: int = 0,
    kind: Literal["filter", "nat", "route"] = "filter",
    policy: Literal["accept", "drop"] = "accept",
) -> bytes:
    """Make a chain; with ``hook`` a base chain that packets pass, else one to jump to."""
    base: dict[str, object] = {}
    if hook is not None:
        place = {"attrs": [("NFTA_HOOK_HOOKNUM", _HOOKS[hook]), ("NFTA_HOOK_PRIORITY", priority)]}
        verdict = 1 if policy == "accept" else 0
        base = {"NFTA_CHAIN_HOOK": place, "NFTA_CHAIN_POLICY": verdict, "NFTA_CHAIN_TYPE": kind}
    return _message(nft_chain_msg, _NEWCHAIN, CREATE, NFTA_CHAIN_TABLE=table, NFTA_CHAIN_NAME=name, **base)


def _padded(size: int) -> int:
    """Return the bytes that a value of ``size`` takes in a key: whole registers."""
    return (size + 3) & ~3


@lru_cache(maxsize=256)
def named_set(table: str, name: str, *types: KeyType, number: int, intervals: bool = False) -> bytes:
    """Make a set whose keys are of one type, or joined from several.

    Args:
        table: The table it belongs to.
        name: Its name, used by rules.
        types: The types of a key's parts, in order.
        number: A number that no other set of the same transaction has.
        intervals: The keys are prefixes (of one type only).
    """
    if intervals and len(types) != 1:
        raise ValueError("a set of prefixes has keys of one type")
    code, size = 0, 0
    for kind in types:
        code, size = code << 6 | _TYPES[kind][0], size + _padded(_TYPES[kind][1])
    if len(types) == 1:
        size = _TYPES[types[0]][1]
    flags = {"NFT_SET_INTERVAL"} if intervals else set()
    return _message(
        nft_set_msg,
        _NEWSET,
        CREATE | EXCL,
        NFTA_SET_TABLE=table,
        NFTA_SET_NAME=name,
        NFTA_SET_FLAGS=flags,
        NFTA_SET_KEY_TYPE=code,
        NFTA_SET_KEY_LEN=size,
        NFTA_SET_ID=number,
        NFTA_SET_USERDATA=_HOST_ORDER if types in {("ifname",), ("mark",)} else None,
    )


def _part(value: Key, kind: KeyType) -> bytes:
    """Return the bytes of one part of a key."""
    match value:
        case IPv4Address():
            return value.packed
        case str():
            return interface_key(value)
        case int():
            # numbers that travel in packets are in network order, marks in the machine's
            return struct.pack("=I", value) if kind == "mark" else value.to_bytes(_TYPES[kind][1], "big")
        case IPv4Network():
            raise ValueError(f"{value}: a prefix needs a set made with intervals=True")


def elements(
    table: str, name: str, keys: Iterable[Key | tuple[Key, ...]], *types: KeyType, delete: bool = False
) -> list[bytes]:
    """Add (or delete) elements; ``types`` are the set's. Prefixes go into a set with intervals.

    Adding what is there does nothing; deleting what is not there is refused.
    """
    items: list[bytes] = []
    for key in keys:
        if isinstance(key, IPv4Network):
            items += _interval(key)
            continue
        parts = key if isinstance(key, tuple) else (key,)
        data = [_part(value, kind) for value, kind in zip(parts, types, strict=True)]
        whole = data[0] if len(data) == 1 else b"".join(part + bytes(-len(part) & 3) for part in data)
        items.append(_element(whole))
    return [
        _framed(
            _DELELEM if delete else _NEWELEM,
            0 if delete else CREATE,
            _text(1, table),
            _text(2, name),
            attribute(0x8003, b"".join(items[start : start + _ELEMENTS_A_MESSAGE])),
        )
        for start in range(0, len(items), _ELEMENTS_A_MESSAGE)
    ]


def _element(key: bytes, *, end: bool = False) -> bytes:
    """Return one element of a set; ``end`` says that an interval ends before it."""
    flags = attribute(3, struct.pack(">I", 1)) if end else b""
    return attribute(0x8001, attribute(0x8001, attribute(1, key)) + flags)


def _interval(prefix: IPv4Network) -> list[bytes]:
    """Return a prefix as the two elements that an interval is: where it begins, where it has ended."""
    after = int(prefix.broadcast_address) + 1
    begin = _element(prefix.network_address.packed)
    # the interval that runs to the last address has no end
    return [begin] if after > 0xFFFF_FFFF else [begin, _element(after.to_bytes(4, "big"), end=True)]


def interface_key(name: str) -> bytes:
    """Return an interface's name as the kernel compares it: 16 bytes."""
    return name.encode().ljust(16, b"\0")


def rule(table: str, chain: str, *expressions: bytes, comment: str = "") -> bytes:
    """Append a rule of ``expressions`` (from ``lab.kernel.expressions``); ``comment`` comes back with its counter."""
    about = b""
    if comment:
        note = comment.encode() + b"\0"
        if len(note) > 128:
            raise ValueError(f"{comment!r}: a rule's comment has at most 127 bytes")
        about = attribute(7, bytes((0, len(note))) + note)
    body = attribute(0x8004, b"".join(expressions))
    return _framed(_NEWRULE, CREATE | APPEND, _text(1, table), _text(2, chain), body, about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a rule's counter says; ``comment`` is the rule's."""

    table: str
    chain: str
    comment: str
    packets: int
    octets: int


@lru_cache(maxsize=64)
def _rules_of(table: str | None) -> bytes:
    """Ask for the rules of a table, or for all."""
    return _framed(_GETRULE, DUMP, *([] if table is None else [_text(1, table)]))


def counters(opened: NetlinkSocket, table: str | None = None) -> list[Counted]:
    """Return the counters of the rules that have one, of one table or of all, in the order of the rules."""
    found: list[Counted] = []
    for body in dump(opened, _rules_of(table)):
        parts = dict(attributes(body, 4, len(body)))
        for octets, packets in _counts(parts.get(4, b"")):
            note = parts.get(7, b"")
            comment = note[2:].rstrip(b"\0").decode() if note[:1] == b"\0" else ""
            names = [parts[kind].rstrip(b"\0").decode() for kind in (1, 2)]
            found.append(Counted(table=names[0], chain=names[1], comment=comment, packets=packets, octets=octets))
            break
    return found


def _counts(expressions: bytes) -> Iterator[tuple[int, int]]:
    """Yield octets and packets of each counter among a rule's expressions."""
    for _, expression in attributes(expressions, 0, len(expressions)):
        parts = dict(attributes(expression, 0, len(expression)))
        if parts.get(1) == b"counter\0":
            numbers = dict(attributes(parts[2], 0, len(parts[2])))
            yield struct.unpack(">Q", numbers[1])[0], struct.unpack(">Q", numbers[2])[0]
