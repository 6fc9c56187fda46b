"""What a change of the world does to the kernel: the difference of two plans.

Only nodes of the lab itself change this way; a host's own routes are changed in the host, by netlink.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from lab.describe.plan import Address, Filter, Plan, PlannedRoute, RoutingTable
from lab.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """What one node gains and loses. ``filters`` is the whole new list, or None where it stays.

    Applied in this order no packet finds a gap that neither world has: addresses, routes gained, tables
    gained, tables lost, routes lost, filters.
    """

    node: str
    addresses: tuple[Address, ...] = ()
    routes_gained: tuple[PlannedRoute, ...] = ()
    tables_gained: tuple[RoutingTable, ...] = ()
    routes_lost: tuple[PlannedRoute, ...] = ()
    filters: tuple[Filter, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The difference of two plans; ``doors`` are the new ones."""

    nodes: tuple[NodeChange, ...]
    doors: tuple[Endpoint, ...]


def difference(before: Plan, after: Plan) -> Change:
    """Return what turns ``before`` into ``after``. Both have the same nodes and links."""
    nodes = []
    for new in after.nodes:
        old = before.node(new.name)
        if old == new or new.resolver is not None:
            continue  # hosts and witnesses: what changes there is changed there
        old_routes = {*old.routes, *(route for table in old.tables for route in table.routes)}
        new_routes = {*new.routes, *(route for table in new.tables for route in table.routes)}
        served = {(table.number, table.interfaces) for table in old.tables}
        nodes.append(
            NodeChange(
                node=new.name,
                addresses=tuple(address for address in new.addresses if address not in old.addresses),
                tables_gained=tuple(table for table in new.tables if (table.number, table.interfaces) not in served),
                routes_gained=tuple(sorted(new_routes - old_routes, key=_gained)),
                routes_lost=tuple(sorted(old_routes - new_routes, key=_place)),
                filters=new.filters if new.filters != old.filters else None,
            )
        )
    doors = tuple(door for door in after.doors if door not in before.doors)
    return Change(nodes=tuple(nodes), doors=doors)


def _gained(route: PlannedRoute) -> tuple[bool, int, IPv4Network, str]:
    """Return the order of new routes: a gateway must be on a link that is routed already."""
    return route.gateway is not None, *_place(route)


def _place(route: PlannedRoute) -> tuple[int, IPv4Network, str]:
    """Return where a route stands; how it is said to people decides nothing."""
    return route.table, route.dst, f"{route.interface} {route.gateway} {route.kind}"
