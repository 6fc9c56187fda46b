"""What rules are made of: matches and statements, each the bytes of one or more nftables expressions.

Encoded by pyroute2's classes once for each set of arguments and kept. The order in a rule is the order in which the
kernel evaluates them; the first match that fails ends the rule.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Literal

from pyroute2.netlink import nla
from pyroute2.netlink.nfnetlink import nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import nft_contains_expr

from lab.kernel.netlink import Template, encode
from lab.kernel.nftables import interface_key

_MARK, _IIFNAME, _OIFNAME, _NFPROTO, _L4PROTO = 3, 6, 7, 15, 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_EQUAL, _UNEQUAL = 0, 1
_CT_STATE, _CT_MARK, _CT_ZONE = 0, 3, 17
_ESTABLISHED: Final = 2 | 4  # established or related
_PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17}
_DROP, _ACCEPT, _JUMP = 0, 1, -3
_FIRST_WORD: Final = 8  # number of the first 4-byte register; registers 1 to 4 are 16 bytes wide and lie over them


class _rule_msg(nfgen_msg):  # noqa: N801 - pyroute2 names its classes so, and finds them by name
    """A rule of one expression. pyroute2's own says that a log group has 32 bits: group 0 would arrive."""

    nla_map = (
        ("NONE", "none"),
        ("TABLE", "asciiz"),
        ("CHAIN", "asciiz"),
        ("HANDLE", "be64"),
        ("EXPRESSIONS", "*nft_expr"),
    )

    class nft_expr(nft_contains_expr.nft_expr):  # noqa: N801
        """An expression, with a log statement that has the right widths."""

        class nft_log(nla):  # noqa: N801
            """The log statement."""

            nla_map = (
                ("NFTA_LOG_UNSPEC", "none"),
                ("NFTA_LOG_GROUP", "be16"),
                ("NFTA_LOG_PREFIX", "asciiz"),
                ("NFTA_LOG_SNAPLEN", "be32"),
            )


def expression(name: str, **values: object) -> bytes:
    """Return the expression ``name``, encoded by pyroute2; ``values`` are its attributes without their prefix."""
    data = [(f"NFTA_{name.upper()}_{key.upper()}", value) for key, value in values.items()]
    one = {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": data})]}
    # behind the message's header (16), netfilter's (4) and that of the list (4)
    return encode(_rule_msg, 0, 0, [("EXPRESSIONS", [one])])[24:]


def _value(data: bytes) -> dict[str, object]:
    """Return a literal value in pyroute2's form."""
    return {"attrs": [("NFTA_DATA_VALUE", data)]}


@lru_cache(maxsize=128)
def _meta(key: int, register: int = 1) -> bytes:
    """Load a fact about the packet that is not in it."""
    return expression("meta", dreg=register, key=key)


@lru_cache(maxsize=128)
def _payload(base: int, offset: int, length: int, register: int = 1) -> bytes:
    """Load bytes of the packet."""
    return expression("payload", dreg=register, base=base, offset=offset, len=length)


@lru_cache(maxsize=64)
def encode_compare(data: bytes, operator: int) -> bytes:
    """Match what was loaded with ``data``, encoded by pyroute2."""
    return expression("cmp", sreg=1, op=operator, data=_value(data))


@lru_cache(maxsize=16)
def _compare_template(length: int, operator: int) -> Template:
    """Return the shape of a comparison with so many bytes."""
    mark = bytes(range(0xD1, 0xD1 + length))
    return Template(encode_compare(mark, operator), mark)


def compare(data: bytes, operator: int = _EQUAL) -> bytes:
    """Match what was loaded with ``data``; the same bytes as ``encode_compare``, in a hundredth of the time."""
    # a shorter mark would be found where no value stands
    return _compare_template(len(data), operator)(data) if len(data) >= 4 else encode_compare(data, operator)


@lru_cache(maxsize=256)
def _mask(mask: bytes) -> bytes:
    """Keep only the bits of ``mask`` of what was loaded."""
    return expression("bitwise", sreg=1, dreg=1, len=len(mask), mask=_value(mask), xor=_value(bytes(len(mask))))


@lru_cache(maxsize=256)
def _lookup(name: str, inverted: bool) -> bytes:
    """Match when what was loaded is (or is not) in the set."""
    flags: dict[str, object] = {"flags": {"NFT_LOOKUP_F_INV"}} if inverted else {}
    return expression("lookup", set=name, sreg=1, **flags)


@lru_cache(maxsize=256)
def _interface(key: int, name: str, inverted: bool) -> bytes:
    """Match an interface's name, or a set of them."""
    if name.startswith("@"):
        return _meta(key) + _lookup(name[1:], inverted)
    return _meta(key) + compare(interface_key(name), _UNEQUAL if inverted else _EQUAL)


def iifname(name: str, *, inverted: bool = False) -> bytes:
    """Match packets that came in by the interface ``name``, or by one of the set ``@name``."""
    return _interface(_IIFNAME, name, inverted)


def oifname(name: str, *, inverted: bool = False) -> bytes:
    """Match packets that leave by the interface ``name``, or by one of the set ``@name``."""
    return _interface(_OIFNAME, name, inverted)


IPV4: Final = _meta(_NFPROTO) + compare(b"\x02")


@lru_cache(maxsize=1024)
def _address(offset: int, what: IPv4Address | IPv4Network | str, inverted: bool) -> bytes:
    """Match an address of the packet."""
    load = IPV4 + _payload(_NETWORK_HEADER, offset, 4)
    if isinstance(what, str):
        return load + _lookup(what.removeprefix("@"), inverted)
    prefix = IPv4Network(what)
    mask = b"" if prefix.prefixlen == 32 else _mask(prefix.netmask.packed)
    return load + mask + compare(prefix.network_address.packed, _UNEQUAL if inverted else _EQUAL)


def source(what: IPv4Address | IPv4Network | str, *, inverted: bool = False) -> bytes:
    """Match packets from an address, a prefix, or the set ``@name``."""
    return _address(12, what, inverted)


def destination(what: IPv4Address | IPv4Network | str, *, inverted: bool = False) -> bytes:
    """Match packets to an address, a prefix, or the set ``@name``."""
    return _address(16, what, inverted)


@lru_cache(maxsize=16)
def protocol(name: Literal["icmp", "tcp", "udp"]) -> bytes:
    """Match packets of a transport protocol."""
    return _meta(_L4PROTO) + compare(bytes((_PROTOCOLS[name],)))


@lru_cache(maxsize=256)
def destination_port(name: Literal["tcp", "udp"], port: int | str) -> bytes:
    """Match packets of a protocol to a port, or to one of the set ``@name``."""
    load = protocol(name) + _payload(_TRANSPORT_HEADER, 2, 2)
    return load + (
        _lookup(port.removeprefix("@"), False) if isinstance(port, str) else compare(struct.pack(">H", port))
    )


Field = Literal["iifname", "oifname", "ip saddr", "ip daddr", "l4proto", "th sport", "th dport", "mark"]
_FIELDS: Final[dict[Field, tuple[int, bool, int, int]]] = {  # words, is meta, key or base, offset
    "iifname": (4, True, _IIFNAME, 0),
    "oifname": (4, True, _OIFNAME, 0),
    "l4proto": (1, True, _L4PROTO, 0),
    "mark": (1, True, _MARK, 0),
    "ip saddr": (1, False, _NETWORK_HEADER, 12),
    "ip daddr": (1, False, _NETWORK_HEADER, 16),
    "th sport": (1, False, _TRANSPORT_HEADER, 0),
    "th dport": (1, False, _TRANSPORT_HEADER, 2),
}


@lru_cache(maxsize=256)
def in_set(name: str, *fields: Field, inverted: bool = False) -> bytes:
    """Match packets whose ``fields``, joined in this order, are a key of the set."""
    loads, word = b"", 0
    for field in fields:
        words, is_meta, key, offset = _FIELDS[field]
        register = _FIRST_WORD + word if len(fields) > 1 else 1
        if is_meta:
            loads += _meta(key, register)
        else:
            length = 2 if field.startswith("th ") else 4
            loads += _payload(key, offset, length, register)
        word += words
    addressed = IPV4 if any(field.startswith("ip ") for field in fields) else b""
    flags: dict[str, object] = {"flags": {"NFT_LOOKUP_F_INV"}} if inverted else {}
    return addressed + loads + expression("lookup", set=name, sreg=_FIRST_WORD if len(fields) > 1 else 1, **flags)


TCP_SYN: Final = protocol("tcp") + _payload(_TRANSPORT_HEADER, 13, 1) + _mask(b"\x12") + compare(b"\x02")
"""The first packet of a TCP connection: SYN without ACK."""


@lru_cache(maxsize=32)
def icmp_type(number: int) -> bytes:
    """Match ICMP packets of a type (8: echo request)."""
    return IPV4 + protocol("icmp") + _payload(_TRANSPORT_HEADER, 0, 1) + compare(bytes((number,)))


ESTABLISHED: Final = (
    expression("ct", dreg=1, key=_CT_STATE) + _mask(struct.pack("=I", _ESTABLISHED)) + compare(bytes(4), _UNEQUAL)
)
"""Packets of a connection that is established, and what belongs to one (ICMP errors)."""

COUNTER: Final = expression("counter", bytes=0, packets=0)


@lru_cache(maxsize=256)
def log(group: int, prefix: str, snap: int = 128) -> bytes:
    """Report the packet's first ``snap`` bytes to the NFLOG ``group``, with ``prefix`` (at most 127 bytes)."""
    if len(prefix.encode()) > 127:
        raise ValueError(f"{prefix!r}: a log prefix has at most 127 bytes")
    return expression("log", group=group, prefix=prefix, snaplen=snap)


def _verdict(code: int, chain: str | None = None) -> bytes:
    """End the rule's evaluation."""
    what: list[tuple[str, object]] = [("NFTA_VERDICT_CODE", code)]
    if chain is not None:
        what.append(("NFTA_VERDICT_CHAIN", chain))
    return expression("immediate", dreg=0, data={"attrs": [("NFTA_DATA_VERDICT", {"attrs": what})]})


DROP: Final = _verdict(_DROP)
ACCEPT: Final = _verdict(_ACCEPT)


@lru_cache(maxsize=64)
def jump(chain: str) -> bytes:
    """Go on in another chain, and come back."""
    return _verdict(_JUMP, chain)


@lru_cache(maxsize=8)
def reject(how: Literal["admin-prohibited", "host-unreachable", "port-unreachable", "tcp reset"]) -> bytes:
    """Refuse the packet and tell its sender (only where ``IPV4`` or an address matched; ``tcp reset`` after TCP)."""
    if how == "tcp reset":
        return expression("reject", type=1, icmp_code=0)
    code = {"port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3}[how]
    return expression("reject", type=2, icmp_code=code)


def encode_immediate(data: bytes) -> bytes:
    """Load a literal value, encoded by pyroute2."""
    return expression("immediate", dreg=1, data=_value(data))


@lru_cache(maxsize=16)
def _immediate_template(length: int) -> Template:
    """Return the shape of a literal value of so many bytes."""
    mark = bytes(range(0xD1, 0xD1 + length))
    return Template(encode_immediate(mark), mark)


def immediate(data: bytes) -> bytes:
    """Load a literal value; the same bytes as ``encode_immediate``, in a hundredth of the time."""
    return _immediate_template(len(data))(data)


@lru_cache(maxsize=256)
def marked(mark: int) -> bytes:
    """Match packets that bear a mark."""
    return _meta(_MARK) + compare(struct.pack("=I", mark))


_SET_MARK: Final = expression("meta", key=_MARK, sreg=1)
_SET_ZONE: Final = expression("ct", key=_CT_ZONE, direction=0, sreg=1)
# the last address and the flag (an address is given) are what the kernel would add
_SOURCE_NAT: Final = expression("nat", type=0, family=2, reg_addr_min=1, reg_addr_max=1, flags={"NF_NAT_RANGE_MAP_IPS"})


def set_mark(mark: int) -> bytes:
    """Mark the packet."""
    return immediate(struct.pack("=I", mark)) + _SET_MARK


SAVE_MARK: Final = _meta(_MARK) + expression("ct", key=_CT_MARK, sreg=1)
"""Give the connection the packet's mark."""
RESTORE_MARK: Final = expression("ct", key=_CT_MARK, dreg=1) + _SET_MARK
"""Give the packet its connection's mark."""


def original_zone(zone: int) -> bytes:
    """Track the connection in a zone of its own, in its first direction (hook prerouting, priority -300)."""
    return immediate(struct.pack("=H", zone)) + _SET_ZONE


def source_nat(address: IPv4Address) -> bytes:
    """Give the connection another source address (hook postrouting of a chain of kind ``nat``)."""
    return immediate(address.packed) + _SOURCE_NAT
