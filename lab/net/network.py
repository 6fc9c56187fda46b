"""``Network``: Mininet's net on a fabric, up and down at once."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import mininet.net

from lab.net.fabric import Fabric
from lab.net.links import Interface, Link
from lab.net.nodes import Host, Node, Switch


class Network(mininet.net.Mininet):
    """A net of our nodes and links; ``start`` raises ``BringUpFailed`` and leaves nothing, ``stop`` closes all at once.

    Building queues only: the kernel learns of the net in ``start``, or when a node's first command wants it.
    """

    def __init__(self, topo: Any = None, *, fabric: Fabric | None = None, **options: Any) -> None:
        """Queue ``topo`` on ``fabric`` (default: a new one); ``options`` are Mininet's."""
        self.fabric = Fabric() if fabric is None else fabric
        defaults = {"host": Host, "switch": Switch, "link": Link, "intf": Interface, "controller": None}
        super().__init__(topo=topo, **{**defaults, **options})

    def addHost(self, name: str, cls: Any = None, **params: Any) -> Any:  # noqa: N802 - Mininet's name
        """Add a host to the net's fabric."""
        return super().addHost(name, cls=cls, **{"fabric": self.fabric, **params})

    def addSwitch(self, name: str, cls: Any = None, **params: Any) -> Any:  # noqa: N802 - Mininet's name
        """Add a switch to the net's fabric."""
        return super().addSwitch(name, cls=cls, **{"fabric": self.fabric, **params})

    def addLink(self, node1: Any, node2: Any, *args: Any, **params: Any) -> Any:  # noqa: N802 - Mininet's name
        """Add a link, with MAC addresses that are the same in every run."""
        own = {"addr1": self.fabric.mac(), "addr2": self.fabric.mac()}
        return super().addLink(node1, node2, *args, **{**own, **params})

    def start(self) -> None:
        """Bring the net up: when it returns, links carry packets and bridges forward."""
        try:
            super().start()
            self.fabric.flush()
        except BaseException:
            self.stop()
            raise
        self.fabric.up = True

    def stop(self) -> None:
        """End all shells and let go of all namespaces; the kernel then frees them in its own time."""
        nodes: list[Node] = [*self.hosts, *self.switches]
        for node in nodes:
            node.hang_up()
        for node in nodes:
            node.cleanup()
        self.fabric.close()

    def __enter__(self) -> Self:
        """Bring the net up."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the net down."""
        self.stop()
