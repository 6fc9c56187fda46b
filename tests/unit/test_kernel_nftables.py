"""nftables messages are pyroute2's, and what it gets wrong is right here."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Network

import pytest
from pyroute2.netlink.nfnetlink.nftsocket import nft_rule_msg
from pyroute2.nftables.expressions import genex, verdict

from lab.kernel import expressions as x
from lab.kernel import nflog
from lab.kernel import nftables as nft
from lab.kernel.netlink import APPEND, CREATE, attribute, attributes, encode, split


def _value(data: bytes) -> dict[str, object]:
    """Return a literal in pyroute2's form."""
    return {"attrs": [("NFTA_DATA_VALUE", data)]}


def test_rule_is_pyroute2s_but_for_the_nesting_bit() -> None:
    """The rule's frame is ours, its expressions are encoded one by one: together they are what pyroute2 makes."""
    expressions = [
        genex("meta", {"dreg": 1, "key": 15}),
        genex("cmp", {"sreg": 1, "op": 0, "data": _value(b"\x02")}),
        genex("payload", {"dreg": 1, "base": 1, "offset": 16, "len": 4}),
        genex("bitwise", {"sreg": 1, "dreg": 1, "len": 4, "mask": _value(b"\xff\xff\0\0"), "xor": _value(bytes(4))}),
        genex("cmp", {"sreg": 1, "op": 0, "data": _value(b"\xa6\x09\0\0")}),
        genex("counter", {"bytes": 0, "packets": 0}),
        *verdict(0),
    ]
    attrs = [("NFTA_RULE_TABLE", "lab"), ("NFTA_RULE_CHAIN", "out"), ("NFTA_RULE_EXPRESSIONS", expressions)]
    theirs = bytearray(encode(nft_rule_msg, 10 << 8 | 6, CREATE | APPEND, attrs, nfgen_family=1))
    ours = nft.rule("lab", "out", x.destination(IPv4Network("166.9.0.0/16")), x.COUNTER, x.DROP)
    nested = 16 + 4 + 8 + 8 + 2  # headers, table, chain, length of the list
    struct.pack_into("=H", theirs, nested, struct.unpack_from("=H", theirs, nested)[0] | 0x8000)
    assert ours == bytes(theirs)


@pytest.mark.parametrize("group", [0, 5, 65_535])
def test_log_group_arrives_as_it_is(group: int) -> None:
    """pyroute2 packs it as 32 bits, of which the kernel reads the first 16: always 0."""
    data = x.log(group, "edge.no-vrf")
    ((_, expression),) = attributes(data, 0, len(data))
    statement = dict(attributes(expression, 0, len(expression)))[2]
    assert dict(attributes(statement, 0, len(statement)))[1] == struct.pack(">H", group)


def _keys(message: bytes) -> list[tuple[bytes, bool]]:
    """Return the keys in a message of elements, and whether each ends an interval."""
    ((_, _, _, body),) = split(message)
    listed = dict(attributes(body, 4, len(body)))[3]
    found = []
    for _, element in attributes(listed, 0, len(listed)):
        parts = dict(attributes(element, 0, len(element)))
        found.append((dict(attributes(parts[1], 0, len(parts[1])))[1], 3 in parts))
    return found


def test_joined_keys_are_padded_to_registers() -> None:
    """A port takes four bytes in a joined key, two alone."""
    joined = nft.elements("t", "s", [(IPv4Address("10.0.0.1"), 443)], "ipv4_addr", "inet_service")
    assert _keys(joined[0]) == [(b"\x0a\0\0\x01\x01\xbb\0\0", False)]
    assert _keys(nft.elements("t", "s", [443], "inet_service")[0]) == [(b"\x01\xbb", False)]
    assert _keys(nft.elements("t", "s", ["eth0"], "ifname")[0]) == [(b"eth0".ljust(16, b"\0"), False)]


def test_prefixes_are_intervals() -> None:
    """The last one of the address space has no end."""
    made = nft.elements("t", "s", [IPv4Network("10.0.0.0/8"), IPv4Network("255.0.0.0/8")], "ipv4_addr")
    assert _keys(made[0]) == [(b"\x0a\0\0\0", False), (b"\x0b\0\0\0", True), (b"\xff\0\0\0", False)]


def test_many_elements_take_several_messages() -> None:
    """A nest of attributes ends at 64 KiB."""
    made = nft.elements("t", "s", [IPv4Address(n) for n in range(2001)], "ipv4_addr")
    assert sum(len(_keys(message)) for message in made) == 2001
    assert max(map(len, made)) < 1 << 16


def test_what_the_kernel_would_cut_off_is_refused() -> None:
    """Prefixes and comments have limits; a prefix needs a set of intervals, of one type."""
    with pytest.raises(ValueError, match="127"):
        x.log(1, "p" * 128)
    with pytest.raises(ValueError, match="127"):
        nft.rule("t", "c", x.DROP, comment="c" * 128)
    with pytest.raises(ValueError, match="one type"):
        nft.named_set("t", "s", "ipv4_addr", "inet_service", number=1, intervals=True)


def test_events_are_parsed_from_one_datagram() -> None:
    """Prefix, packet and incoming link of each; what has no packet is no event."""

    def event(*parts: bytes) -> bytes:
        body = struct.pack("=BBH", 2, 0, 0) + b"".join(parts)
        message = struct.pack("=IHHII", 16 + len(body), 4 << 8, 0, 0, 0) + body
        return message + bytes(-len(message) & 3)

    whole = event(attribute(10, b"edge.no-vrf\0"), attribute(9, b"E" * 21))
    bare = event(attribute(4, b"\0\0\1\2"), attribute(9, b"packet"))
    other = event(attribute(10, b"nothing\0"))
    assert list(nflog.read(whole + other + bare)) == [("edge.no-vrf", b"E" * 21, 0), ("", b"packet", 258)]
