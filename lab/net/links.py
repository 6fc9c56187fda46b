"""Mininet's interfaces and links over the fabric: a link is one kernel message, and nothing runs a command.

Makes and changes links by queueing operations; traffic shaping is not offered here (use ``tc`` in a host).
"""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any

from mininet.link import Intf as _Intf
from mininet.link import Link as _Link

from lab.errors import nearest
from lab.kernel import linkstate, messages
from lab.net.place import Port

if TYPE_CHECKING:
    from lab.net.nodes import Node

_LOOPBACK = 1
_KNOWN = frozenset({"mac", "ip", "ifconfig", "up", "moveIntfFn"})


class Interface(_Intf):
    """An interface of a node of the fabric."""

    # Mininet's attributes, which no type checker knows
    name: str
    node: Node
    link: Any
    mac: str | None
    ip: str | None
    prefixLen: str | None  # noqa: N815 - Mininet's name
    index: int

    def __init__(
        self,
        name: str,
        node: Any = None,
        port: int | None = None,
        link: Any = None,
        mac: str | None = None,
        **params: Any,
    ) -> None:
        """Take the index that the link has chosen; then as Mininet does."""
        self.index = link.index_of(name, node) if link is not None else _LOOPBACK
        super().__init__(name, node=node, port=port, link=link, mac=mac, **params)

    def _do(self, what: str, message: bytes) -> None:
        """Queue a message about this interface."""
        self.node.fabric.do(self.node.place, f"{self.node.name}: {what}", message)

    def config(self, mac: str | None = None, ip: str | None = None, up: bool = True, **others: Any) -> dict[str, Any]:
        """Configure MAC address, address and state; an unknown keyword is an error, not ignored."""
        for name in others:
            if name not in _KNOWN:
                raise TypeError(f"{self.name}: unknown parameter {name!r} of an interface: {nearest(name, _KNOWN)}")
        done: dict[str, Any] = {}
        self.setParam(done, "setMAC", mac=mac)
        self.setParam(done, "setIP", ip=ip)
        if up:
            self.setParam(done, "isUp", up=True)
        return done

    def add_address(self, interface: IPv4Interface, *, connected: bool = True) -> None:
        """Queue an address; ``connected`` False: its subnet brings no route of its own."""
        if self.ip is None:
            self.ip, self.prefixLen = str(interface.ip), str(interface.network.prefixlen)
        self._do(
            f"add address {interface} to {self.name}", messages.address(self.index, interface, connected=connected)
        )

    def setIP(self, ipstr: str, prefixLen: int | str | None = None) -> None:  # noqa: N802, N803 - Mininet's names
        """Queue the address, in the place of the one that was set before."""
        if "/" not in ipstr and prefixLen is None:
            raise ValueError(f"{self.name}: no prefix length for {ipstr}")
        interface = IPv4Interface(ipstr if "/" in ipstr else f"{ipstr}/{prefixLen}")
        if self.ip is not None:
            before = IPv4Interface(f"{self.ip}/{self.prefixLen}")
            if before == interface:
                return
            self._do(f"delete address {before} of {self.name}", messages.address(self.index, before, delete=True))
            self.ip = None
        self.add_address(interface)

    def setMAC(self, macstr: str) -> None:  # noqa: N802 - Mininet's name
        """Queue the MAC address, unless the link is made with it."""
        if macstr != self.mac:
            self.mac = macstr
            self._do(f"set {self.name} address {macstr}", messages.link_mac(self.index, macstr))

    def isUp(self, setUp: bool = False) -> bool:  # noqa: N802 - Mininet's names
        """Queue that it goes up; without ``setUp`` say whether it carries packets, asking the kernel."""
        if setUp:
            if self.link is None or self.link.up_from_the_start is not self._key():
                self._do(f"{self.name} up", messages.link_up(self.index))
            return True
        state = linkstate.operstates(self.node.socket, [self.index])
        return state.get(self.index) == linkstate.OPERSTATE_UP

    def _key(self) -> Port | None:
        """Return this end of its link."""
        return self.link.ports.get((self.node.name, self.name)) if self.link is not None else None

    def updateIP(self) -> str | None:  # noqa: N802 - Mininet's name
        """Return the address that the kernel has (the CLI puts it in the place of a host's name)."""
        self.node.fabric.flush()
        found = linkstate.addresses(self.node.socket, self.index)
        self.ip, self.prefixLen = (str(found[0].ip), str(found[0].network.prefixlen)) if found else (None, None)
        return self.ip

    def updateMAC(self) -> str | None:  # noqa: N802 - Mininet's name
        """Return the MAC address; it changes through this object only."""
        return self.mac

    def updateAddr(self) -> tuple[str | None, str | None]:  # noqa: N802 - Mininet's name
        """Return address and MAC address."""
        return self.updateIP(), self.updateMAC()

    def ifconfig(self, *args: str) -> str:
        """Set the link up or down; anything else is ``ifconfig``'s own business, in the node's shell."""
        if args == ("up",):
            self.isUp(setUp=True)
        elif args == ("down",):
            self._do(f"{self.name} down", messages.link_down(self.index))
        else:
            return str(super().ifconfig(*args))
        return ""

    def rename(self, newname: str) -> str:
        """Queue another name, down and up again as Mininet does it."""
        self.node.nameToIntf[newname] = self.node.nameToIntf.pop(self.name)
        self.ifconfig("down")
        self._do(f"rename {self.name} to {newname}", messages.link_name(self.index, newname))
        self.name = newname
        self._do(f"{newname} up", messages.link_up(self.index))
        return ""

    def delete(self) -> None:
        """Queue that the link goes; of a pair both ends do."""
        self._do(f"delete {self.name}", messages.delete_link(self.index))
        self.node.delIntf(self)
        self.link = None

    def status(self) -> str:
        """Return OK when the interface carries packets, DOWN when it does not, MISSING when the kernel has none."""
        state = linkstate.operstates(self.node.socket, [self.index]).get(self.index)
        return "MISSING" if state is None else "OK" if state == linkstate.OPERSTATE_UP else "DOWN"


class Link(_Link):
    """A veth pair, both ends in one message.

    Attributes:
        ports: Both ends, by node's and interface's name.
        up_from_the_start: The end that needs not be raised.
    """

    intf1: Any
    intf2: Any

    def __init__(self, node1: Any, node2: Any, *, intf: Any = Interface, **params: Any) -> None:
        """Queue the pair; ``mn`` passes stock ``Intf``, whose place ours takes."""
        self.ports: dict[tuple[str, str], Port] = {}
        self.up_from_the_start: Port | None = None
        self._carrier = all((params.get(key) or {}).get("up", params.get("up", True)) for key in ("params1", "params2"))
        self._numbers = (params.get("port1"), params.get("port2"))
        super().__init__(node1, node2, intf=Interface if intf in {None, _Intf} else intf, **params)

    def index_of(self, name: str, node: Any) -> int:
        """Return the index that this link chose for its end ``name`` on ``node``."""
        return self.ports[node.name, name].index

    def _port(self, node: Node, name: str, mac: str | None, port: int | None) -> Port:
        """Choose index and MAC address of one end."""
        if name in node.nameToIntf:
            raise ValueError(f"{node.name} has an interface {name} already")
        made = Port(
            place=node.place,
            owner=node.name,
            name=name,
            index=node.place.index(port if node.bridge is None else None),
            mac=mac or node.fabric.mac(),
            master=node.bridge,
        )
        self.ports[node.name, name] = made
        return made

    def makeIntfPair(  # noqa: N802 - Mininet's name; there a class method, called on the object
        self,
        intfname1: str,
        intfname2: str,
        addr1: str | None = None,
        addr2: str | None = None,
        node1: Any = None,
        node2: Any = None,
        deleteIntfs: bool = False,  # noqa: N803 - Mininet's name; there are none to delete
    ) -> None:
        """Queue the pair."""
        if node1.fabric is not node2.fabric:
            raise ValueError(f"{node1.name} and {node2.name} are not of one fabric")
        a = self._port(node1, intfname1, addr1, self._numbers[0])
        b = self._port(node2, intfname2, addr2, self._numbers[1])
        self.up_from_the_start = node1.fabric.add_link(a, b, carrier=self._carrier)

    def delete(self) -> None:
        """Queue that the pair goes."""
        self.intf2.node.delIntf(self.intf2)
        self.intf1.delete()
        self.intf1 = self.intf2 = None

    def stop(self) -> None:
        """Do nothing: links go with their namespaces."""
