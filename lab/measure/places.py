"""What measuring needs of the network: sockets that stand in a node, and the kernel's own view there."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Protocol

from lab.kernel.conntrack import Ends
from lab.kernel.messages import Lookup


class Places(Protocol):
    """The nodes of a running network, as far as a probe needs them."""

    def open_socket(self, node: str, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking IPv4 socket that belongs to the node's network namespace for life."""

    def resolver(self, node: str) -> IPv4Address:
        """Return the resolver that the node's ``/etc/resolv.conf`` names."""

    def lookup(
        self, node: str, address: IPv4Address, *, source: IPv4Address | None = None, incoming: str | None = None
    ) -> Lookup:
        """Ask the node's kernel where a packet to ``address`` would go; with ``incoming`` one that arrived there."""

    def onward(self, node: str, ends: Ends) -> Ends | None:
        """Return what the edge sent packets of ``node`` on as; None where it sent none on, or is not on their way."""

    def routes(self, node: str) -> list[str]:
        """Return the routes of all the node's tables, as ``lab.kernel.dumps.routes`` says them."""

    def unanswered(self, node: str) -> list[str]:
        """Return the neighbours that the node's kernel asks, or asked, for in vain: ``ADDRESS dev NAME``."""

    def owner(self, link_address: str) -> str:
        """Return the node of which an interface has this link address; an empty text if none has."""

    def interfaces(self, node: str) -> Mapping[int, str]:
        """Return the names of the node's interfaces by index."""
