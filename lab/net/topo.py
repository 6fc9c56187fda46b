"""From a plan to Mininet: the nodes and links of a plan as a ``mininet.topo.Topo``.

The same topology starts under our ``Network`` and under stock ``mn``; nodes carry everything they need
as parameters. Services do not run under ``mn``: addresses answer there, doors do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface
from typing import Any, Final

from mininet.topo import Topo

from lab.describe.plan import Filter, Node, Plan
from lab.kernel import messages
from lab.kernel.namespaces import inside
from lab.kernel.netlink import NETFILTER, NetlinkSocket, open_socket
from lab.net import filters as packet_filters
from lab.net import nodes, vrf_tables
from lab.net.links import Link

LOOPBACK: Final = 1


class Planned(nodes.Node):
    """A node of a plan: Mininet's, with addresses on its loopback and packet filters."""

    _netfilter: NetlinkSocket | None = None

    def config(  # type: ignore[override]
        self, *, services: Sequence[IPv4Interface] = (), filters: Sequence[Filter] = (), **params: Any
    ) -> dict[str, Any]:
        """Queue the rest, the addresses of services on the loopback, and at last the filters in one transaction."""
        done = super().config(**params)
        for address in services:
            self._do(f"add address {address} to lo", messages.address(LOOPBACK, address))
        if filters:
            text = f"{self.name}: {len(filters)} packet filters"
            self.fabric.act(self.place, text, lambda: self.set_filters(filters))
        return done

    def set_filters(self, filters: Sequence[Filter]) -> None:
        """Replace the node's packet filters; the node exists in the kernel."""
        packet_filters.install(self.netfilter, filters)

    @property
    def netfilter(self) -> NetlinkSocket:
        """The netfilter socket of a node that exists in the kernel.

        It stays open as long as the node: the kernel takes 13 ms to close one that has changed filters.
        """
        if self._netfilter is None:
            with inside(self.place.namespace):
                self._netfilter = open_socket(NETFILTER)
        return self._netfilter

    def cleanup(self) -> None:
        """Let go of the socket as well."""
        if self._netfilter is not None:
            self._netfilter.close()
            self._netfilter = None
        super().cleanup()


class LabHost(Planned, nodes.Host):
    """A host, a service node or a witness."""


class LabRouter(Planned, nodes.Router):
    """The backbone's edge, or the internet's."""


def compile_plan(plan: Plan) -> Topo:
    """Return the Mininet topology of ``plan``; nothing is made in a kernel."""
    topo = Topo()
    for node in plan.nodes:
        parameters: dict[str, Any] = {
            "addresses": [(a.interface, a.address, a.connected) for a in node.addresses if a.interface != "lo"],
            "routes": list(_routes(node)),
            "rules": [dataclasses.asdict(rule) for routing in node.tables for rule in vrf_tables.rules(routing)],
        }
        if node.tables:
            parameters["sysctls"] = vrf_tables.SYSCTLS
        if served := [a.address for a in node.addresses if a.interface == "lo"]:
            parameters["services"] = served
        if node.filters:
            parameters["filters"] = node.filters
        topo.addHost(node.name, cls=LabRouter if node.forwards else LabHost, **parameters)
    for link in plan.links:
        (a, first), (b, second) = link.a, link.b
        topo.addLink(a, b, cls=Link, intfName1=first, intfName2=second)
    return topo


def _routes(node: Node) -> Iterator[dict[str, Any]]:
    every = (*node.routes, *(route for routing in node.tables for route in routing.routes))
    for route in every:
        yield {
            "dst": route.dst,
            "gateway": route.gateway,
            "interface": route.interface,
            "table": route.table,
            "kind": route.kind,
        }
