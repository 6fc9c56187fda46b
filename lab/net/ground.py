"""The ground: a plan as a running Mininet net, with what the rest of the lab needs of it.

Sockets that stand in a node, listeners for doors, reports of filters, look-ups, and changes. It decides
nothing: what is wanted comes as plans and changes (``lab.describe``).
"""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from lab.describe.changes import Change, NodeChange
from lab.describe.plan import BACKBONE, Plan, PlannedRoute
from lab.describe.plan import Node as PlannedNode
from lab.errors import LiveError
from lab.kernel import conntrack, dumps, forget, messages, nflog, words
from lab.kernel.conntrack import Ends
from lab.kernel.messages import Lookup
from lab.kernel.namespaces import inside
from lab.kernel.tap import open_tap
from lab.model.routes import HostRoute
from lab.net import audit, filters, vrf_tables
from lab.net.carrier import await_carrier
from lab.net.fabric import Fabric
from lab.net.links import Interface
from lab.net.network import Network
from lab.net.nodes import Node
from lab.net.topo import LOOPBACK, Planned, compile_plan

_BACKLOG = 512
_INDICES = frozenset({"index", "oif", "ifindex"})


class Ground:
    """A running net. ``net`` is Mininet's own object; ``vrf_backend`` names how accounts are kept apart."""

    vrf_backend = vrf_tables.BACKEND

    def __init__(
        self,
        plan: Plan,
        *,
        on_operation: Callable[[int, str], None] | None = None,
        stop_after: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Bring ``plan`` up.

        Args:
            on_operation: Called with number (from 0) and name before each operation.
            stop_after: Stop, as if it had failed, after so many operations (tests of clean-up).
            batch_size: The most kernel messages sent at once.

        Raises:
            BringUpFailed: An operation failed; its name and the kernel's words are in the text.
        """
        self._resolvers = {node.name: node.resolver for node in plan.nodes}
        self._zones = {node.name: node.zone for node in plan.nodes}
        self._filtered = [node.name for node in plan.nodes if node.filters]
        self._senders: dict[str, socket.socket] = {}
        self._expected: tuple[Plan, tuple[audit.Expected, ...]] | None = None
        fabric = Fabric(on_operation=on_operation, stop_after=stop_after, batch_size=batch_size)
        self.net = Network(topo=compile_plan(plan), fabric=fabric)
        self.net.start()

    @property
    def operations(self) -> int:
        """How many kernel operations were carried out."""
        return self.net.fabric.done

    def node(self, name: str) -> Planned:
        """Return Mininet's node."""
        found: Planned = self.net[name]
        return found

    def namespace(self, name: str) -> int:
        """Return the descriptor of a node's network namespace; not the caller's to close."""
        return self.node(name).namespace

    def open_socket(self, node: str, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking IPv4 socket that stands in ``node``."""
        protocol = socket.IPPROTO_TCP if kind is socket.SOCK_STREAM else socket.IPPROTO_UDP
        with inside(self.namespace(node)):
            # the protocol is said because asyncio sets TCP_NODELAY only where it is
            return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)

    def listener(self, node: str, address: IPv4Address, port: int, kind: socket.SocketKind) -> socket.socket:
        """Return a socket of ``node`` bound to an address and port, listening where it is a stream."""
        made = self.open_socket(node, kind)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((str(address), port))
            if kind is socket.SOCK_STREAM:
                made.listen(_BACKLOG)
        except OSError as error:
            made.close()
            raise LiveError(f"{node} cannot listen on {address}:{port}: {error}") from error
        return made

    def reports(self) -> Iterator[tuple[str, socket.socket]]:
        """Yield, for every node with filters, a socket on which they report (NFLOG)."""
        for name in self._filtered:
            with inside(self.namespace(name)):
                opened = nflog.open_group(filters.GROUP)
            yield name, opened

    def taps(self, hosts: Iterable[str], *nodes: str) -> dict[str, socket.socket]:
        """Return a packet socket for every interface of ``hosts`` and ``nodes``, by point (``node:interface``).

        That of a host is at the other end of its link, in a node of the lab's own: what leaves the host comes in there,
        also past the host's own queues and taps, and when its interface was moved elsewhere.
        """
        tapped = [(near, near) for name in nodes for near in self.node(name).intfList()]
        tapped += [(near, _far(near)) for name in hosts for near in self.node(name).intfList()]
        made = {}
        for near, end in tapped:
            with inside(end.node.namespace):
                made[f"{near.node.name}:{near.name}"] = open_tap(end.name)
        return made

    def resolver(self, node: str) -> IPv4Address:
        """Return the resolver that the node asks."""
        found = self._resolvers[node]
        if found is None:
            raise LiveError(f"{node} has no resolver")
        return found

    def lookup(
        self, node: str, address: IPv4Address, *, source: IPv4Address | None = None, incoming: str | None = None
    ) -> Lookup:
        """Ask the node's kernel where a packet to ``address`` would go; with ``incoming`` one that arrived there."""
        asked = self.node(node)
        index = asked.nameToIntf[incoming].index if incoming is not None else None
        return messages.lookup(asked.socket, address, source=source, iif=index)

    def onward(self, node: str, ends: Ends) -> Ends | None:
        """Return what the edge sent packets of ``node`` on as; None where it sent none on, or is not on their way."""
        try:
            return conntrack.onward(self.node(BACKBONE).netfilter, ends, zone=self._zones[node])
        except OSError as error:
            raise LiveError(f"{BACKBONE}: it does not say what it made of a connection: {error}") from error

    def routes(self, node: str) -> list[str]:
        """Return the routes of all the node's tables, in the words of a plan."""
        asked = self.node(node).socket
        return list(dumps.routes(asked, dumps.links(asked)))

    def unanswered(self, node: str) -> list[str]:
        """Return the neighbours that the node's kernel asks, or asked, for in vain: ``ADDRESS dev NAME``."""
        asked = self.node(node).socket
        return list(dumps.unanswered(asked, dumps.links(asked)))

    def owner(self, link_address: str) -> str:
        """Return the node of which an interface has this link address; an empty text if none has."""
        nodes = (node for node in self.net.values() if link_address in {end.mac for end in node.intfList()})
        return next((str(node.name) for node in nodes), "")

    def interfaces(self, node: str) -> Mapping[int, str]:
        """Return the names of the node's interfaces by index."""
        return {interface.index: str(interface.name) for interface in self.node(node).intfList()}

    def route(self, action: HostRoute) -> str | None:
        """Send a host's route to its kernel by pyroute2, the author's words unchanged; return the refusal, if any.

        Runs in any thread; ``oif`` is the one word that is translated, from a name to an index. That the lab speaks
        IPv4 is said besides: pyroute2 cannot tell where the destination is ``default`` and no gateway is given.
        """
        arguments: dict[str, object] = {"family": socket.AF_INET, **action.arguments}
        if "oif" in arguments:
            arguments["oif"] = self.node(action.host).nameToIntf[str(arguments["oif"])].index
        return words.say(self.namespace(action.host), lambda kernel: kernel.route(action.command, **arguments))

    def reboot(self, planned: PlannedNode) -> None:
        """Have a host's kernel forget what it was told, and configure it anew as ``planned``, its links first."""
        node = self.node(planned.name)
        with node.fabric.alone():
            links = self.interfaces(planned.name)
            forget.everything(node.socket, node.netfilter, links)
            node.place.correct()
            for index, name in {LOOPBACK: "lo", **links}.items():
                node.fabric.do(node.place, f"{node.name}: {name} up", messages.link_up(index))
            node.fabric.flush()
            ends = [end for interface in node.intfList() for end in (interface.link.intf1, interface.link.intf2)]
            await_carrier([(end.node.place, end.index, str(end.name)) for end in ends])
            self._queue(NodeChange(node=planned.name, addresses=planned.addresses, routes_gained=planned.routes))
            node.fabric.flush()

    def differences(self, plan: Plan) -> list[str]:
        """Return what the kernel of the lab's own nodes is set up to do otherwise than ``plan`` says, a line each."""
        if self._expected is None or self._expected[0] is not plan:
            self._expected = (plan, audit.expected(plan))
        return audit.differences(self.net, self._expected[1])

    def host_differences(self, plan: Plan, host: str) -> list[str]:
        """Return what the kernel of a user's host is set up to do otherwise than ``plan`` says, a line each."""
        return audit.host_differences(self.net, plan, host)

    def tell(self, host: str, word: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Say a word of pyroute2 to a host's kernel and return its answer as plain data; ModelError if it is refused.

        Runs in any thread; the name of an interface is translated to its index where one is wanted.
        """
        indices = {name: index for index, name in self.interfaces(host).items()}
        said = {key: indices.get(given, given) if key in _INDICES else given for key, given in named.items()}
        return words.tell(self.namespace(host), f"netlink/{host}", word, arguments, said)

    def transmit(self, host: str, interface: str, frame: bytes) -> str:
        """Send a frame by a host's interface, past its routes and filters; return the kernel's refusal, or nothing."""
        if (sender := self._senders.get(host)) is None:
            with inside(self.namespace(host)):
                # kept: closing one takes the kernel some ten milliseconds
                sender = self._senders[host] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            sender.sendto(frame, (interface, 0))
        except OSError as error:
            return f"{interface}: {os.strerror(error.errno or 0)}"
        return ""

    def down(self, host: str, interface: str) -> bool:
        """Return whether a host's own interface is there and down, and the other end of its link carries nothing."""
        near = self.node(host).nameToIntf[interface]
        far = _far(near)
        ours, theirs = (dumps.links(end.node.socket).get(end.index) for end in (near, far))
        return ours is not None and not ours.up and theirs is not None and not theirs.carrier

    def links(self, host: str) -> list[str]:
        """Return the names of a host's links that are up, but for the loopback."""
        return [link.name for link in dumps.links(self.node(host).socket).values() if link.up and link.name != "lo"]

    def change(self, change: Change) -> None:
        """Carry a change of the plan out in the kernel; LiveError names the operation that failed."""
        with self.net.fabric.alone():
            for altered in change.nodes:
                self._queue(altered)
            self.net.fabric.flush()

    def _queue(self, altered: NodeChange) -> None:
        """Queue what is different at one node."""
        node = self.node(altered.node)
        for address in altered.addresses:
            interface = node.nameToIntf.get(address.interface)
            index = interface.index if interface is not None else LOOPBACK
            text = f"{node.name}: add address {address}"
            node.fabric.do(node.place, text, messages.address(index, address.address, connected=address.connected))
        # a table's routes stand before packets are led to it; no change takes a table away
        for route in altered.routes_gained:
            _route(node, route, "add")
        for table in altered.tables_gained:
            for rule in vrf_tables.rules(table):
                node.add_rule(**dataclasses.asdict(rule))
        for route in altered.routes_lost:
            _route(node, route, "delete")
        if (wanted := altered.filters) is not None:
            text = f"{node.name}: {len(wanted)} packet filters"
            node.fabric.act(node.place, text, partial(node.set_filters, wanted))


def _far(near: Interface) -> Interface:
    """Return the other end of an interface's link."""
    far: Interface = near.link.intf1 if near.link.intf2 is near else near.link.intf2
    return far


def _route(node: Node, route: PlannedRoute, action: messages.RouteAction) -> None:
    node.add_route(
        route.dst,
        gateway=route.gateway,
        interface=route.interface,
        table=route.table,
        kind="unreachable" if route.kind == "unreachable" else "unicast",
        action=action,
    )
