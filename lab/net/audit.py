"""The audit: what the kernel of the lab's own nodes is set up to do, compared with the plan, line by line.

A filter's report is believed because this shows that the filter is the planned one, and that nothing else carries or
loses packets. The plan is put into the words of ``lab.kernel.dumps`` and ``lab.kernel.ruleset`` here, apart from the
code that carries it out, so a mistake there shows as well. Users' hosts are not looked at: their tables are theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from ipaddress import IPv4Interface, IPv4Network
from itertools import product, zip_longest
from pathlib import Path
from typing import Final

from lab.describe.plan import MAIN, Address, Filter, Node, Plan, RoutingTable
from lab.errors import LiveError
from lab.kernel import dumps
from lab.kernel.namespaces import inside
from lab.kernel.ruleset import ruleset
from lab.net import filters
from lab.net.network import Network
from lab.net.place import read_sysctl
from lab.net.topo import Planned

_LOOPBACK: Final = "lo"
_LOCAL: Final = 255
_CHAINS: Final = {
    "prerouting": "type filter hook prerouting priority -300",
    "forward": "type filter hook forward priority 0",
    "postrouting": "type nat hook postrouting priority 100",
}
_REJECT: Final = "reject with icmpx host-unreachable"
_ROUTERS: Final = {"net.ipv4.icmp_ratelimit": 0, "net.ipv4.icmp_ratemask": 0}
_TABLED: Final = {"net.ipv4.fwmark_reflect": 1}
# filters of the old kind are no part of nftables' lists; the file is missing where the kernel has none
_OLD_TABLES: Final = Path("/proc/thread-self/net/ip_tables_names")


Facts = dict[str, list[str]]
"""What a node's kernel is set up to do, in words, by kind; only the order of filters means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A node as planned, in words.

    Attributes:
        facts: What its kernel must say.
        harmless: Routes that it may have besides.
        inner: The interfaces at whose other ends nodes of the lab's own are.
        sysctls: Settings that netlink does not tell, with their values.
    """

    name: str
    facts: Facts
    harmless: frozenset[str]
    inner: frozenset[str]
    sysctls: Mapping[str, object]


def expected(plan: Plan) -> tuple[Expected, ...]:
    """Return what the lab's own nodes are set up to do by ``plan``."""
    own = [node for node in plan.nodes if node.own]
    names = frozenset(node.name for node in own)
    return tuple(_expected(node, _peers(plan, node.name), names) for node in own)


def host_differences(net: Network, plan: Plan, name: str) -> list[str]:
    """Return what the kernel of a user's host is set up to do otherwise than ``plan`` says; it is no fault.

    Raises:
        LiveError: The kernel could not be read.
    """
    names = frozenset(node.name for node in plan.nodes if node.own)
    wanted = _expected(plan.node(name), _peers(plan, name), names)
    try:
        seen = _seen(net[name], wanted, _OLD_TABLES.exists())
    except OSError as error:
        raise LiveError(f"{name}: its kernel cannot be read: {error}") from error
    # behind a route's planned words may stand a scope: pyroute2 chooses another one than ip does
    seen["route"] = sorted(route.partition(" scope ")[0] for route in seen["route"])
    return list(compared(seen, wanted.facts))


def differences(net: Network, wanted: Iterable[Expected]) -> list[str]:
    """Return a line for each difference between the plan and the kernel; none is sound.

    Raises:
        LiveError: A node's kernel could not be read.
    """
    found: list[str] = []
    old_tables = _OLD_TABLES.exists()
    for node in wanted:
        try:
            seen = _seen(net[node.name], node, old_tables)
        except OSError as error:
            raise LiveError(f"{node.name}: its kernel cannot be read: {error}") from error
        found += (f"{node.name}: {line}" for line in compared(seen, node.facts))
    return found


def _expected(node: Node, peers: Mapping[str, str], own: frozenset[str]) -> Expected:
    addresses = (Address(interface=_LOOPBACK, address=IPv4Interface("127.0.0.1/8")), *node.addresses)
    routes = (*node.routes, *(route for table in node.tables for route in table.routes))
    rules = (line for table in node.tables for line in _rules(table))
    forwards = "forwarding" if node.forwards else "no forwarding"
    hooks = dict.fromkeys(rule.hook for rule in node.filters)
    chains = (f"{hook} {_CHAINS[hook]} policy accept" for hook in hooks)
    sysctls = {**(_ROUTERS if node.forwards else {}), **(_TABLED if node.tables else {})}
    facts = {
        "filter": [line for rule in node.filters for line in _filter(rule)],
        "route": [*map(str, routes), *(line for address in addresses for line in _brought(address))],
        "rule": [f"0: lookup {_LOCAL}", *rules, f"32766: lookup {MAIN}", "32767: lookup 253"],
        "address": list(map(str, addresses)),
        "link": [f"{name} up" for name in (_LOOPBACK, *peers)],
        "link setting": [f"{name}: {forwards}" for name in ("all", *peers)],
        "setting": [f"{name} = {value}" for name, value in sysctls.items()],
        "table of filters": [f"inet {filters.TABLE}"] * bool(node.filters),
        "chain of filters": [f"inet {filters.TABLE} {chain}" for chain in chains],
    }
    harmless = frozenset(line for address in addresses for line in _broadcasts(address))
    inner = frozenset(interface for interface, peer in peers.items() if peer in own)
    return Expected(name=node.name, facts=_ordered(facts), harmless=harmless, inner=inner, sysctls=sysctls)


def compared(seen: Facts, planned: Facts) -> Iterator[str]:
    """Yield a line for each difference: what is missing, what is there unplanned, which filter is another."""
    yield from _filters_compared(seen.get("filter", []), planned.get("filter", []))
    for kind in (*planned, *(kind for kind in seen if kind not in planned)):
        if kind == "filter" or seen.get(kind, []) == planned.get(kind, []):
            continue
        there, wanted = Counter(seen.get(kind, [])), Counter(planned.get(kind, []))
        yield from (f"missing {kind} {line}" for line in (wanted - there).elements())
        yield from (f"unplanned {kind} {line}" for line in (there - wanted).elements())


def _filters_compared(seen: Sequence[str], planned: Sequence[str]) -> Iterator[str]:
    if seen == planned:
        return
    for what, i, j, k, m in SequenceMatcher(None, seen, planned, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        for one, other in zip_longest(seen[i:j], planned[k:m]):
            if one is None:
                yield f"missing filter {other}"
            elif other is None:
                yield f"unplanned filter {one}"
            else:
                yield f"filter is {one!r}, planned {other!r}"


def _ordered(facts: Facts) -> Facts:
    """Return facts in an order of their own; that of the filters of a chain means something, and stays."""
    return {kind: sorted(lines, key=_chain_of if kind == "filter" else None) for kind, lines in facts.items()}


def _chain_of(filter_: str) -> str:
    """Return table and chain of a filter in words."""
    return filter_.partition(":")[0]


def _peers(plan: Plan, name: str) -> dict[str, str]:
    """Return the nodes at the other ends of a node's links, by its interface."""
    ends = ((one, other) for link in plan.links for one, other in ((link.a, link.b), (link.b, link.a)))
    return {interface: peer for (node, interface), (peer, _) in ends if node == name}


def _brought(address: Address) -> Iterator[str]:
    """Yield the routes that an address brings with it, in the kernel's table and in the main one."""
    ip, network, interface = address.address.ip, address.address.network, address.interface
    yield f"local {ip}/32 dev {interface} table {_LOCAL} src {ip}"
    if ip.is_loopback:
        yield f"local {network} dev {interface} table {_LOCAL} src {ip}"
    elif address.connected and network.prefixlen < 32:
        yield f"{network} dev {interface} src {ip}"


def _broadcasts(address: Address) -> Iterator[str]:
    """Yield the routes for broadcasts that kernels bring with an address, some one of them, some both."""
    network = address.address.network
    for ip in (network.network_address, network.broadcast_address):
        yield f"broadcast {ip}/32 dev {address.interface} table {_LOCAL} src {address.address.ip}"


def _rules(table: RoutingTable) -> Iterator[str]:
    """Yield the policy rules that lead to a table: by interface, and by mark what else is its owner's."""
    priority = 1000 + table.number
    yield from (f"{priority}: iif {interface} lookup {table.number}" for interface in table.interfaces)
    if table.owner:
        yield f"{priority}: fwmark {table.number} lookup {table.number}"


def _filter(rule: Filter) -> Iterator[str]:
    """Yield the nftables rules that a filter is: one for each pair of prefixes."""
    head = [f"inet {filters.TABLE} {rule.hook}:"]
    for word, names in (("iifname", rule.incoming), ("oifname", rule.outgoing)):
        if names is not None:
            head += (word, "{", *[", ".join(sorted(names))] * bool(names), "}")
    if rule.opening:
        head.append("l4proto 06 tcp flags & 12 == 02")
    end = [f"counter log group {filters.GROUP} prefix {rule.rule} snap 128"] * bool(rule.rule)
    ends = {
        "drop": "drop",
        "reject": _REJECT,
        "accept": "accept",
        "mark": f"mark set {rule.mark} ct original zone set {rule.mark}",
        "translate": f"mark {rule.mark} snat ip to {rule.address}",
    }
    end += [ends[rule.verdict]] if rule.verdict in ends else []
    end += [f"comment {rule.rule}"] * bool(rule.rule)
    for source, destination in product(rule.source or (None,), rule.destination or (None,)):
        yield " ".join((*head, *_prefixes(source, destination), *end))


def _prefixes(source: IPv4Network | None, destination: IPv4Network | None) -> Iterator[str]:
    if source is not None:
        yield f"nfproto 02 ip saddr {source}"
    if destination is not None:
        yield f"nfproto 02 ip daddr {destination}"


def _seen(node: Planned, wanted: Expected, old_tables: bool) -> Facts:
    """Return what the node's kernel says."""
    opened = node.socket
    links = dumps.links(opened)
    up = [link for link in links.values() if link.up]  # what is down carries nothing, such as modules' tunnels
    settings = dumps.forwarding(opened, links)
    read = ruleset(node.netfilter)
    seen = {
        "filter": list(read.rules),
        "route": [route for route in dumps.routes(opened, links) if route not in wanted.harmless],
        "rule": list(dumps.rules(opened)),
        "address": list(dumps.addresses(opened, links)),
        "link": [f"{link.name} up{_odd(link, wanted.inner)}" for link in up],
        "link setting": [f"{name}: {settings[name]}" for name in ("all", *(n.name for n in up)) if name != _LOOPBACK],
        "table of filters": list(read.tables),
        "chain of filters": list(read.chains),
        "set that no filter uses": list(read.unused_sets),
        "permanent neighbour": list(dumps.neighbours(opened, links)),
        "queue": list(dumps.queues(opened, links)),
    }
    if wanted.sysctls or old_tables:
        with inside(node.namespace):
            seen["setting"] = [f"{name} = {read_sysctl(name)}" for name in wanted.sysctls]
            seen["table of iptables"] = _OLD_TABLES.read_text().split() if old_tables else []
    return _ordered(seen)


def _odd(link: dumps.Link, inner: frozenset[str]) -> str:
    """Return what is not usual about a link; the carrier of one to a host of the user's is the user's affair."""
    lost = not link.carrier and link.name in inner
    return ", no carrier" * lost + f", {link.odd}" * bool(link.odd)
