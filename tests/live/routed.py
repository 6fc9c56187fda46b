"""A small routed topology for tests: two VSIs, a provider edge with a table for each account, an internet, a service.

Also the file that ``mn --custom`` loads.
"""

from __future__ import annotations

import select
import socket
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from mininet.topo import Topo

from lab.kernel import namespaces
from lab.net.links import Link
from lab.net.nodes import Host, Node, Router

DEFAULT, SERVICES = IPv4Network("0.0.0.0/0"), IPv4Network("166.9.0.0/16")
SERVICE, PUBLIC = "166.9.0.10", "192.0.2.10"
VSI_1, VSI_2 = "10.64.0.66", "10.64.0.130"
TIMEOUT_S = 2.0


def _vsi(number: int) -> dict[str, Any]:
    """Return a VSI's parameters."""
    private, public = IPv4Address("10.64.0.1") + 64 * number, IPv4Address("198.18.0.1") + 8 * number
    return {
        "addresses": [("eth0", IPv4Interface((private + 1, 26))), ("eth1", IPv4Interface((public + 1, 29)))],
        "routes": [
            {"dst": DEFAULT, "gateway": public},
            {"dst": SERVICES, "gateway": private},
            {"dst": IPv4Network("10.0.0.0/8"), "gateway": private},
        ],
    }


def _edge() -> dict[str, Any]:
    """Return the parameters of the provider edge: a table for each account, one for the way back."""
    subnets = {n: IPv4Network((int(IPv4Address("10.64.0.0")) + 64 * n, 26)) for n in (1, 2)}
    routes: list[dict[str, Any]] = [{"dst": DEFAULT, "kind": "unreachable"}]
    for n, subnet in subnets.items():
        routes += [
            {"dst": subnet, "interface": f"vsi-{n}", "table": 1000 + n},
            {"dst": SERVICES, "interface": "svc", "table": 1000 + n},
            {"dst": DEFAULT, "kind": "unreachable", "table": 1000 + n},
            {"dst": subnet, "interface": f"vsi-{n}", "table": 900},
        ]
    return {
        "addresses": [
            # connected: by these routes the edge's own ICMP errors find their way back; they open no way to packets
            # that come in, which are looked up in the tables of their interfaces
            ("vsi-1", IPv4Interface("10.64.0.65/26")),
            ("vsi-2", IPv4Interface("10.64.0.129/26")),
            ("svc", IPv4Interface("166.9.0.1/16"), False),
        ],
        "routes": routes,
        "rules": [
            *({"priority": 100 + n, "table": 1000 + n, "iif": f"vsi-{n}"} for n in subnets),
            {"priority": 200, "table": 900, "iif": "svc"},
        ],
    }


class Routed(Topo):  # type: ignore[misc] # Mininet's classes are untyped
    """The topology."""

    def build(self, **changed: Any) -> None:
        """Add nodes and links; ``changed`` replaces parameters of ``vsi-1``."""
        self.addHost("vsi-1", cls=Host, **{**_vsi(1), **changed})
        self.addHost("vsi-2", cls=Host, **_vsi(2))
        self.addHost("edge", cls=Router, **_edge())
        self.addHost(
            "internet",
            cls=Router,
            addresses=[(f"vsi-{n}", IPv4Interface((IPv4Address("198.18.0.1") + 8 * n, 29))) for n in (1, 2)]
            + [("svc", IPv4Interface("192.0.2.1/24"))],
        )
        self.addHost(
            "service",
            cls=Host,
            addresses=[("eth0", IPv4Interface(f"{SERVICE}/16")), ("eth1", IPv4Interface(f"{PUBLIC}/24"))],
            routes=[
                {"dst": DEFAULT, "gateway": IPv4Address("192.0.2.1")},
                {"dst": IPv4Network("10.0.0.0/8"), "gateway": IPv4Address("166.9.0.1")},
            ],
        )
        for node in ("vsi-1", "vsi-2"):
            self.addLink(node, "edge", cls=Link, intfName1="eth0", intfName2=node)
            self.addLink(node, "internet", cls=Link, intfName1="eth1", intfName2=node)
        self.addLink("service", "edge", cls=Link, intfName1="eth0", intfName2="svc")
        self.addLink("service", "internet", cls=Link, intfName1="eth1", intfName2="svc")


topos = {"routed": Routed}


def connect(node: Node, address: str, port: int = 443) -> int:
    """Return the errno of a TCP connection from ``node``, or -1 when nothing came."""
    with namespaces.inside(node.namespace):
        tried = socket.socket()
    with tried:
        tried.setblocking(False)
        tried.connect_ex((address, port))
        # a refusal that came while connect held the socket is kept for this question; poll would not tell it
        if refused := tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return refused
        if not select.select([], [tried], [], TIMEOUT_S)[1]:
            return -1
        return tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def serve(node: Node, address: str, port: int = 443) -> socket.socket:
    """Return a listener in ``node``; the kernel completes connections to it."""
    with namespaces.inside(node.namespace):
        return socket.create_server((address, port))
