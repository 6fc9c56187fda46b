"""What is sent to the kernel for any filters reads back as planned, and as nothing else."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Network
from typing import cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from lab.describe.plan import BACKBONE, Filter, Node, Plan
from lab.kernel import expressions as x
from lab.kernel import nftables, ruleset
from lab.kernel.netlink import NetlinkSocket, split
from lab.net import audit, filters

PREFIX = st.builds(
    lambda n, length: IPv4Network((n, length), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)
LINKS = st.none() | st.frozensets(st.sampled_from(["a1-1", "a2-1", "services", "fifteen-letters"]))
FILTERS = st.builds(
    Filter,
    hook=st.sampled_from(["prerouting", "forward", "postrouting"]),
    rule=st.sampled_from(["", "edge.no-vrf", "edge.other-account"]),
    verdict=st.sampled_from(["drop", "reject", "accept", "log", "mark", "translate"]),
    incoming=LINKS,
    outgoing=LINKS,
    source=st.lists(PREFIX, max_size=2).map(tuple),
    destination=st.lists(PREFIX, min_size=1, max_size=2).map(tuple),
    opening=st.booleans(),
    mark=st.integers(0, 2**16 - 1),
    address=st.integers(0, 2**32 - 1).map(IPv4Address),
)
# what is asked for a list, and the kind of its answers, which are those of the requests that made them
ANSWERS = {1: 0, 4: 3, 7: 6, 10: 9, 13: 12}


def read_back(rules: Sequence[Filter]) -> ruleset.Ruleset:
    """Return what a kernel that echoes would say to have been sent ``rules``."""
    sent = [(kind & 0xFF, body) for kind, _, _, body in split(b"".join(filters.messages(rules)[2:]))]

    def echo(_socket: object, asked: bytes) -> list[bytes]:
        kind = struct.unpack_from("=H", asked, 4)[0] & 0xFF
        named = asked[20:]  # behind the headers: the table and the set whose elements are asked for
        return [body for of, body in sent if of == ANSWERS[kind] and (kind != 13 or body[4:].startswith(named))]

    with patch.object(ruleset, "dump", echo):
        return ruleset.ruleset(cast("NetlinkSocket", None))


def wanted(rules: Sequence[Filter]) -> audit.Facts:
    """Return what a node with these filters must say."""
    node = Node(name=BACKBONE, filters=tuple(rules))
    (expected,) = audit.expected(Plan(nodes=(node,), links=(), doors=()))
    return expected.facts


@given(st.lists(FILTERS, min_size=1, max_size=4))
def test_filters_read_back_as_planned(rules: list[Filter]) -> None:
    """The words of the audit, made from the plan, are those made from the bytes that are sent."""
    read, planned = read_back(rules), wanted(rules)
    assert sorted(read.rules) == sorted(planned["filter"])
    assert sorted(read.chains) == planned["chain of filters"]
    assert list(read.tables) == planned["table of filters"]
    assert read.unused_sets == ()


@given(FILTERS, FILTERS)
def test_a_filter_with_another_field_reads_differently(one: Filter, other: Filter) -> None:
    """Whatever field of a filter is another's: when it is sent otherwise, it reads otherwise."""
    for field in fields(Filter):
        changed = replace(one, **{field.name: getattr(other, field.name)})
        same = filters.messages([one])[2:] == filters.messages([changed])[2:]
        assert (read_back([one]).rules == read_back([changed]).rules) is same, field.name


def test_what_has_no_word_is_shown_as_bytes() -> None:
    """An expression that the lab never makes reads like none that it makes."""
    plain = Filter(hook="forward", rule="", verdict="drop", destination=(IPv4Network("10.0.0.0/8"),))
    for strange in (x.ESTABLISHED, x.SAVE_MARK, x.reject("tcp reset"), x.oifname("eth0", inverted=True)):
        made = [*filters.messages([plain])[:4], nftables.rule(filters.TABLE, "forward", strange, x.DROP)]
        with patch.object(filters, "messages", lambda _rules, made=made: made):
            (rule,) = read_back([plain]).rules
        assert rule != wanted([plain])["filter"][0]
        assert rule.endswith(" drop")
        assert rule != "inet pelab forward: drop"
