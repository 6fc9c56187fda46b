"""Packet filters: a node's planned filters as one nftables table, replaced in one transaction.

Every rule that drops or marks counts, carries its rule id as comment and reports to NFLOG under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from itertools import product
from typing import Final, Literal, cast

from lab.describe.plan import Filter
from lab.kernel import expressions as x
from lab.kernel import nftables
from lab.kernel.netlink import NetlinkSocket
from lab.kernel.nftables import Hook

TABLE: Final = "pelab"
GROUP: Final = 5
"""The NFLOG group to which every filter of the lab reports."""
# Ahead of connection tracking and of the route look-up, so that a drop is seen although no route exists.
# Sources are translated last: every other filter reports a packet as its sender sent it.
_CHAINS: Final[dict[str, tuple[Literal["filter", "nat"], int]]] = {
    "prerouting": ("filter", -300),
    "forward": ("filter", 0),
    "postrouting": ("nat", 100),
}


def messages(filters: Sequence[Filter]) -> list[bytes]:
    """Return the messages of one transaction that replaces the node's table by ``filters``.

    A list of forward filters is closed by its own last rule; there is no implicit policy but accept.
    """
    made = [nftables.table(TABLE), nftables.delete_table(TABLE), nftables.table(TABLE)]
    hooks = dict.fromkeys(rule.hook for rule in filters)
    for hook in hooks:
        kind, priority = _CHAINS[hook]
        made.append(nftables.chain(TABLE, hook, hook=cast("Hook", hook), priority=priority, kind=kind))
    sets = 0
    for rule in filters:
        names: list[str | None] = []
        for interfaces in (rule.incoming, rule.outgoing):
            names.append(None)
            if interfaces is None:
                continue
            sets += 1
            names[-1] = f"s{sets}"
            made.append(nftables.named_set(TABLE, f"s{sets}", "ifname", number=sets))
            made += nftables.elements(TABLE, f"s{sets}", sorted(interfaces), "ifname")
        incoming, outgoing = names
        made += (
            nftables.rule(TABLE, rule.hook, *parts, comment=rule.rule) for parts in _rules(rule, incoming, outgoing)
        )
    return made


def install(netfilter: NetlinkSocket, filters: Sequence[Filter]) -> None:
    """Replace the filters of the node in whose namespace ``netfilter`` was made."""
    nftables.transaction(netfilter, messages(filters))


def _rules(rule: Filter, incoming: str | None, outgoing: str | None) -> Iterator[tuple[bytes, ...]]:
    """Yield the expressions of every nftables rule that ``rule`` needs: one for each pair of prefixes."""
    head: list[bytes] = []
    if incoming:
        head.append(x.iifname(f"@{incoming}"))
    if outgoing:
        head.append(x.oifname(f"@{outgoing}"))
    if rule.opening:
        head.append(x.TCP_SYN)
    for source, destination in product(rule.source or (None,), rule.destination or (None,)):
        yield (*head, *_addresses(source, destination), *_end(rule.rule, rule.verdict, rule.mark, rule.address))


def _addresses(source: IPv4Network | None, destination: IPv4Network | None) -> Iterator[bytes]:
    if source is not None:
        yield x.source(source)
    if destination is not None:
        yield x.destination(destination)


@lru_cache(maxsize=64)
def _end(rule: str, verdict: str, mark: int, address: IPv4Address | None) -> tuple[bytes, ...]:
    """Return how the rule ends; it counts and reports where it has an id."""
    head = (x.COUNTER, x.log(GROUP, rule)) if rule else ()
    match verdict:
        case "drop":
            return (*head, x.DROP)
        case "reject":
            return (*head, x.reject("host-unreachable"))
        case "accept":
            return (*head, x.ACCEPT)
        case "mark":
            return (*head, x.set_mark(mark), x.original_zone(mark))
        case "translate":
            assert address is not None, "a translation is to an address"
            return (*head, x.marked(mark), x.source_nat(address))
        case _:
            return head
