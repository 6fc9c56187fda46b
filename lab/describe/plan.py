"""Plans: which nodes, links, addresses, routes, tables, filters and doors a world needs, in order, as values.

A plan can be printed and compared; two plans of two worlds differ in exactly what a change does to the
kernel. It says nothing of *how*: whether an account's table is a VRF device or a policy-routing table
is decided in ``lab.net``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.model.endpoint import Endpoint

MAIN = 254
LAST_METRIC = 4278198272
FIRST_ACCOUNT_TABLE = 1000
"""The edge's witness has this one, the first account the next; its number marks what is the account's."""
RETURNS = 2000
"""The table for what else comes back from the service network; it is looked up behind those of accounts."""

BACKBONE, INTERNET = "backbone", "internet"
PRIVATE_SERVICES, PUBLIC_SERVICES = "private-services", "public-services"
WITNESS_PRIVATE, WITNESS_PUBLIC = "witness-private", "witness-public"
"""They ask beside the doors, past every edge."""
NOWHERE = "nowhere"
"""Where the edge's tables lead what they cannot place, so that filters see it: a refusal by the routing code itself
is rate-limited by the kernel, and silent then. It takes nothing and forwards nothing."""
WITNESS_EDGE = "witness-edge"
"""It asks through the provider edge, as a VSI of an account that has VRF and service endpoints."""
OWN_NODES = {
    BACKBONE: "the provider edge",
    INTERNET: "the internet and its edge",
    NOWHERE: "takes what a table cannot place",
    PRIVATE_SERVICES: "the private doors' addresses",
    PUBLIC_SERVICES: "the public doors' addresses",
    WITNESS_PRIVATE: "asks beside the private doors, as a proof",
    WITNESS_PUBLIC: "asks beside the public doors, as a proof",
    WITNESS_EDGE: "asks through the provider edge, as a proof",
}
"""In every lab, and the lab's own: each with what it is for. No host may have such a name."""
DOOR_PRIVATE, DOOR_PUBLIC = "door.private", "door.public"
"""Marks of a connection that arrived beside a door; no rule of the product, so not in the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of an interface; ``connected`` False: it brings no route of its own to the main table."""

    interface: str
    address: IPv4Interface
    connected: bool = True

    def __str__(self) -> str:
        """As ``ip address`` would say it."""
        return f"{self.address} dev {self.interface}" + ("" if self.connected else " noprefixroute")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRoute:
    """A route; ``kind`` is ``unicast``, or ``unreachable``, which stands after any other to the same network."""

    dst: IPv4Network
    gateway: IPv4Address | None = None
    interface: str | None = None
    table: int = MAIN
    kind: str = "unicast"

    def __str__(self) -> str:
        """As ``ip route`` would say it."""
        kind = "" if self.kind == "unicast" else f"{self.kind} "
        via = f" via {self.gateway}" if self.gateway else ""
        dev = f" dev {self.interface}" if self.interface else ""
        table = f" table {self.table}" if self.table != MAIN else ""
        last = f" metric {LAST_METRIC}" if self.kind == "unreachable" else ""
        return f"{kind}{named(self.dst)}{via}{dev}{table}{last}"


def named(network: IPv4Network) -> str:
    """Return a destination as ``ip route`` would say it."""
    return "default" if network.prefixlen == 0 else str(network)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """A table of its own for what arrives on ``interfaces``: an account's, or the way back.

    ``owner`` is the account's name, or empty. Its routes end in ``unreachable default``: without an end a
    lookup falls through to the main table and finds the way to the services.
    """

    number: int
    owner: str
    interfaces: tuple[str, ...]
    routes: tuple[PlannedRoute, ...]

    def __str__(self) -> str:
        """One line: number, owner, interfaces."""
        return f"table {self.number} ({self.owner or 'no account'}) for {', '.join(self.interfaces) or 'nobody'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One packet filter rule; every given field must match.

    Attributes:
        hook: prerouting, forward or postrouting.
        rule: The id under which it counts and logs; empty where it does neither.
        verdict: drop, ``reject`` (by ICMP host unreachable), accept, ``log`` (count and log, let pass), or ``mark``
            (give the packet ``mark`` and track its connection in the zone of that number, let pass), or ``translate``
            (give connections that bear ``mark`` the source address ``address``).
        incoming, outgoing: Interface names; None matches all, an empty set nothing.
        source, destination: Prefixes, any of which may match.
        opening: Matches the first packet of a TCP connection only.
    """

    hook: str
    rule: str = ""
    verdict: str = "drop"
    incoming: frozenset[str] | None = None
    outgoing: frozenset[str] | None = None
    source: tuple[IPv4Network, ...] = ()
    destination: tuple[IPv4Network, ...] = ()
    opening: bool = False
    mark: int = 0
    address: IPv4Address | None = None

    def __str__(self) -> str:
        """One line: hook, matches, verdict, rule."""
        parts = [self.hook]
        for name, names in (("iif", self.incoming), ("oif", self.outgoing)):
            if names is not None:
                parts.append(f"{name} {{{', '.join(sorted(names))}}}")
        for name, networks in (("from", self.source), ("to", self.destination)):
            if networks:
                parts.append(f"{name} {', '.join(map(str, networks))}")
        parts += ["opening"] * self.opening + [self.verdict] + [str(self.mark)] * bool(self.mark)
        parts += [f"to {self.address}"] * bool(self.address)
        return " ".join((*parts, self.rule)).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of the lab: host, router, service node or witness. ``forwards`` makes it a router.

    ``own``: it is the lab's, whose kernel must do what is planned; what a user's host does is its user's affair.
    ``zone``: where the edge tracks what a host sends, once its account has VRF.
    """

    name: str
    own: bool = True
    forwards: bool = False
    addresses: tuple[Address, ...] = ()
    routes: tuple[PlannedRoute, ...] = ()
    tables: tuple[RoutingTable, ...] = ()
    filters: tuple[Filter, ...] = ()
    resolver: IPv4Address | None = None
    zone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A veth pair between two nodes, by interface names."""

    a: tuple[str, str]
    b: tuple[str, str]

    def __str__(self) -> str:
        """Both ends."""
        return f"{self.a[0]}:{self.a[1]} -- {self.b[0]}:{self.b[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a world needs of a kernel and of the services, in the order in which it is made."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    doors: tuple[Endpoint, ...]
    names: Mapping[str, tuple[IPv4Address, ...]] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        """Return the node ``name``; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def lines(self) -> Iterator[str]:
        """Yield the plan as text, one operation a line."""
        yield from (f"node {node.name}" for node in self.nodes)
        yield from (f"link {link}" for link in self.links)
        for node in self.nodes:
            yield from (f"{node.name}: address {address}" for address in node.addresses)
            yield from (f"{node.name}: route {route}" for route in node.routes)
            for table in node.tables:
                yield f"{node.name}: {table}"
                yield from (f"{node.name}: route {route}" for route in table.routes)
            yield from (f"{node.name}: filter {rule}" for rule in node.filters)
        for door in self.doors:
            yield f"door {door.name} {door.names[0]}:{door.port} at {', '.join(map(str, door.addresses))}"
