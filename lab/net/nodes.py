"""Mininet's nodes over the fabric: a namespace each, configured by values, with a shell only when one is wanted.

``addHost(name, cls=Host, addresses=..., routes=..., rules=..., sysctls=...)`` builds the same under our ``Network`` and
under stock ``mn``. No node runs a command to be configured. Mininet's private parts are touched only in this module,
``links`` and ``network``; tests/contract/test_mininet_contract.py says which.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from subprocess import PIPE, Popen
from typing import Any, Final

import mininet.cli
import mininet.net
import mininet.node

from lab.errors import nearest
from lab.kernel import messages
from lab.kernel.netlink import NetlinkSocket
from lab.net import shells
from lab.net.fabric import Fabric
from lab.net.links import Interface
from lab.net.place import Place

# fixLimits would write the machine's own sysctls when run as root, from whatever namespace
mininet.net.Mininet.inited = True
# else the CLI reads "vsi-1 ip route" as the unknown command "vsi"
mininet.cli.CLI.identchars += "-."

_DEFAULT: Final = IPv4Network("0.0.0.0/0")
_LAZY: Final = frozenset({"shell", "pid", "stdin", "stdout", "pollOut", "master", "slave"})
_OURS: Final = frozenset({"addresses", "routes", "rules", "sysctls", "mac", "ip", "defaultRoute", "lo"})
_STOCK: Final = frozenset(
    {"inNamespace", "privateDirs", "name", "waitExited", "listenPort", "dpid", "opts", "isSwitch"}
)

Address = tuple[str, IPv4Interface] | tuple[str, IPv4Interface, bool]


class Node(mininet.node.Node):
    """A network namespace with interfaces, addresses, routes and rules.

    Attributes:
        fabric: What it is part of.
        place: Its namespace in the fabric; nothing is in the kernel before ``fabric.flush()``.
        bridge: The index of its bridge, where it is a switch.
        enter: Puts the calling thread inside the namespaces in which the node's processes run. Without it that is the
            network namespace, and a mount namespace of the node's own in which only ``/sys`` is different.
        environment: Returns the environment of the node's next process; without it, this process's own.
    """

    bridge: int | None = None
    enter: Callable[[], None] | None = None
    environment: Callable[[], Mapping[str, str]] | None = None
    _mounts: int | None = None

    def __init__(self, name: str, inNamespace: bool = True, fabric: Fabric | None = None, **params: Any) -> None:  # noqa: N803
        """Join ``fabric`` (without it, as under ``mn``, the shared one) and keep the parameters for ``config``."""
        if not inNamespace:
            raise ValueError(f"{name}: every node of a fabric has a network namespace")
        self.fabric = Fabric.shared() if fabric is None else fabric
        if params.get("addresses") is not None:
            params["ip"] = None  # Mininet gives every host one of its own choice
        self.place = self._take_place(name)
        super().__init__(name, inNamespace=True, **params)

    def _take_place(self, name: str) -> Place:
        """Return the place of a new node."""
        return self.fabric.place(name)

    @property
    def namespace(self) -> int:
        """The descriptor of the network namespace, which is made if it is not there yet."""
        self.fabric.flush()
        made: int = self.place.namespace
        return made

    @property
    def socket(self) -> NetlinkSocket:
        """The rtnetlink socket of the network namespace, which is made if it is not there yet."""
        self.fabric.flush()
        opened = self.place.socket
        assert opened is not None, f"{self.name} has been terminated"
        return opened

    def _inside(self) -> Callable[[], None]:
        """Return what puts a thread inside the node's namespaces, which are there from now on."""
        network = self.namespace
        if self.enter is not None:
            return self.enter
        if self._mounts is None:
            self._mounts = shells.own_mounts(network)
        return partial(shells.enter, network, self._mounts)

    def _session(self) -> dict[str, str]:
        """Return the environment of a new process."""
        return dict(os.environ if self.environment is None else self.environment())

    # -- shell and processes ------------------------------------------------------------------------------------

    @classmethod
    def setup(cls) -> None:
        """Need none of Mininet's programs."""

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: N802 - Mininet's name
        """Start nothing: the first use of what a shell brings starts it."""
        for name in _LAZY:
            self.__dict__.pop(name, None)

    def mountPrivateDirs(self) -> None:  # noqa: N802 - Mininet's name
        """Mount nothing yet: that is done when the shell starts."""

    def __getattr__(self, name: str) -> Any:
        """Start the shell when something of it is wanted; every other name is missing indeed."""
        if name in _LAZY and "place" in self.__dict__:
            self._start_shell()
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _start_shell(self) -> None:
        """Start the shell and read its first prompt."""
        self._shell = shells.Shell(self.name, inside=self._inside(), environment=self._session())
        self.shell, self.pid = self._shell.process, self._shell.process.pid
        self.master, self.slave = self._shell.terminal, self._shell.slave
        self.stdin = self.stdout = self._shell.file
        self.pollOut = self._shell.poll
        self.outToNode[self.master] = self.inToNode[self.master] = self
        self.execed, self.lastCmd, self.lastPid, self.readbuf = False, None, None, ""
        self.waiting = True
        self.waitOutput(findPid=False)
        super().cmd("unset HISTFILE; stty -echo; set +m")
        super().mountPrivateDirs()

    def has_shell(self) -> bool:
        """Say whether a shell has been started."""
        return self.__dict__.get("shell") is not None

    def sendCmd(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802 - Mininet's name
        """Do what is queued, then as Mininet does."""
        self.fabric.flush()
        super().sendCmd(*args, **kwargs)

    def popen(self, *args: Any, **kwargs: Any) -> Popen[Any]:
        """Start a process in the node's namespaces and return it; arguments as Mininet's ``popen``."""
        options = {"stdout": PIPE, "stderr": PIPE, **kwargs}
        prefix, through_shell = options.pop("mncmd", []), options.pop("shell", False)
        if not args or (len(args) == 1 and not isinstance(args[0], str | list | tuple)):
            raise TypeError(f"{self.name}: popen() wants a command: a text, a list, or words")
        words: Any = args if len(args) > 1 else args[0]
        if isinstance(words, str):
            words = [words] if through_shell else words.split()
        command = [str(word) for word in words]
        if through_shell:
            command = ["bash", "-c", " ".join(command)]
        options.setdefault("env", self._session())
        return shells.start([*prefix, *command], inside=self._inside(), **options)

    def hang_up(self) -> None:
        """Tell the shell, if there is one, to end; ``terminate`` then waits for it."""
        if self.has_shell():
            self._shell.hang_up()

    def terminate(self) -> None:
        """End the shell and let go of the namespaces."""
        self.hang_up()
        self.cleanup()
        self._leave()

    def _leave(self) -> None:
        """Let go of the network namespace."""
        self.fabric.forget(self.place)

    def cleanup(self) -> None:
        """Wait for the shell's end, and start none any more."""
        self.forget_shell()
        for name in _LAZY:
            self.__dict__[name] = None
        if self._mounts is not None:
            os.close(self._mounts)
            self._mounts = None

    def forget_shell(self) -> None:
        """Let go of the shell, which is ending; whatever next wants one starts another."""
        if self.has_shell():
            self.outToNode.pop(self.master, None)
            self.inToNode.pop(self.master, None)
            self._shell.close()
            self.startShell()
            self.waiting = False

    # -- configuration ------------------------------------------------------------------------------------------

    def addIntf(self, intf: Any, port: int | None = None, moveIntfFn: Any = None) -> None:  # noqa: N802, N803
        """Note the interface, which is made where it belongs and needs no moving."""
        super().addIntf(intf, port=port, moveIntfFn=lambda *_: None)

    def config(
        self,
        mac: str | None = None,
        ip: str | None = None,
        defaultRoute: Any = None,  # noqa: N803 - Mininet's name
        lo: str = "up",
        addresses: Sequence[Address] | None = None,
        routes: Sequence[Mapping[str, Any]] = (),
        rules: Sequence[Mapping[str, Any]] = (),
        sysctls: Mapping[str, object] | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        """Queue everything that the node is configured with.

        Args:
            mac, ip, defaultRoute, lo: As in Mininet, for the first interface.
            addresses: Interface's name, address, and whether its subnet gets a route of its own (default yes).
            routes: The arguments of ``add_route``.
            rules: The arguments of ``add_rule``.
            sysctls: Names to values.
            others: Mininet's own; an unknown keyword is an error, not ignored.
        """
        for name in others:
            if name not in _STOCK:
                raise TypeError(f"{self.name}: unknown parameter {name!r} of a node: {nearest(name, _OURS)}")
        done: dict[str, Any] = {}
        self.setParam(done, "setMAC", mac=mac)
        self.setParam(done, "setIP", ip=ip)
        if lo == "up":
            self._do("lo up", messages.link_up(1))
        for interface, address, *connected in addresses or ():
            self._interface(interface).add_address(address, connected=connected[0] if connected else True)
        self.setParam(done, "setDefaultRoute", defaultRoute=defaultRoute)
        for route in routes:
            self.add_route(**route)
        for rule in rules:
            self.add_rule(**rule)
        for name, value in (sysctls or {}).items():
            self.sysctl(name, value)
        return done

    def _do(self, what: str, message: bytes) -> None:
        """Queue a message to the node's namespace."""
        self.fabric.do(self.place, f"{self.name}: {what}", message)

    def _interface(self, name: str) -> Interface:
        """Return the interface ``name``; an unknown one is the author's mistake."""
        try:
            found: Interface = self.nameToIntf[name]
        except KeyError:
            raise ValueError(f"{self.name} has no interface {name!r}: {nearest(name, self.nameToIntf)}") from None
        return found

    def add_route(
        self,
        dst: IPv4Network,
        *,
        gateway: IPv4Address | None = None,
        interface: str | None = None,
        table: int = messages.MAIN_TABLE,
        kind: messages.RouteKind = "unicast",
        action: messages.RouteAction = "add",
    ) -> None:
        """Queue a route (or its replacement or end) through ``gateway``, out of ``interface``, or of another kind."""
        index = None if interface is None else self._interface(interface).index
        words = [action, "route", "default" if dst == _DEFAULT else str(dst)]
        words += [kind] * (kind != "unicast") + [f"via {gateway}"] * (gateway is not None)
        words += [f"dev {interface}"] * (interface is not None) + [f"table {table}"] * (table != messages.MAIN_TABLE)
        self._do(
            " ".join(words),
            messages.route(dst, gateway=gateway, index=index, table=table, kind=kind, action=action),
        )

    def add_rule(self, *, priority: int, table: int, iif: str | None = None, fwmark: int | None = None) -> None:
        """Queue a policy rule: what came in by ``iif`` (or bears ``fwmark``) is looked up in ``table``."""
        match = f"iif {iif} " * (iif is not None) + f"fwmark {fwmark} " * (fwmark is not None)
        self._do(f"add rule {match}lookup {table}", messages.rule(priority, table, iif=iif, fwmark=fwmark))

    def sysctl(self, name: str, value: object) -> None:
        """Queue the setting of a sysctl of the node's network namespace."""
        self.fabric.set(self.place, self.name, name, str(value))

    def setDefaultRoute(self, intf: Any = None) -> None:  # noqa: N802 - Mininet's name
        """Queue the default route: an interface, or ``via GATEWAY`` and ``dev NAME`` as a text."""
        words = str(intf).split() if isinstance(intf, str) and " " in intf else ["dev", str(intf)]
        said = dict(zip(words[::2], words[1::2], strict=True))
        gateway = IPv4Address(said["via"]) if "via" in said else None
        self.add_route(_DEFAULT, gateway=gateway, interface=said.get("dev"), action="replace")

    def setHostRoute(self, ip: str, intf: str) -> None:  # noqa: N802 - Mininet's name
        """Queue a route to one address out of an interface."""
        self.add_route(IPv4Network(ip), interface=str(intf), action="replace")

    def setARP(self, ip: str, mac: str) -> None:  # noqa: N802 - Mininet's name
        """Queue a permanent neighbour on the first interface."""
        self._do(f"neighbour {ip} at {mac}", messages.neighbour(self.defaultIntf().index, IPv4Address(ip), mac))

    def interface_name(self, index: int) -> str:
        """Return the name of the interface with this index (``lo`` is 1)."""
        return next((str(i.name) for i in self.intfList() if i.index == index), "lo" if index == 1 else f"if{index}")

    def __repr__(self) -> str:
        """As Mininet's, but without starting a shell to know its pid."""
        interfaces = ",".join(f"{i.name}:{i.IP()}" for i in self.intfList())
        return f"<{type(self).__name__} {self.name}: {interfaces} pid={self.__dict__.get('pid')}> "


class Host(Node):
    """A machine that forwards nothing."""


class Router(Node):
    """A machine that forwards, and answers every packet that it cannot forward: no limit on ICMP errors."""

    def config(self, *, sysctls: Mapping[str, object] | None = None, **params: Any) -> dict[str, Any]:  # type: ignore[override]
        """Queue a router's settings with the rest."""
        # with a limit the third refusal in a row would be silence, and silence is another verdict
        own = {"net.ipv4.ip_forward": 1, "net.ipv4.icmp_ratelimit": 0, "net.ipv4.icmp_ratemask": 0}
        return super().config(sysctls={**own, **(sysctls or {})}, **params)


class Switch(Node, mininet.node.Switch):
    """A Linux bridge in the fabric's namespace of switches; for stock topologies."""

    controlIntf = None  # noqa: N815 - Mininet's name

    def __init__(self, name: str, inNamespace: bool = False, **params: Any) -> None:  # noqa: N803 - Mininet's name
        """Queue the bridge; all switches share one namespace, whatever ``inNamespace`` says."""
        super().__init__(name, **params)
        self.bridge = self.fabric.add_bridge(name)

    def _take_place(self, name: str) -> Place:
        """Return the place of all switches."""
        return self.fabric.switches

    def defaultDpid(self, dpid: str | None = None) -> str:  # noqa: N802 - Mininet's name
        """Return the datapath's number; a bridge whose name has none in it needs none."""
        has_number = dpid or any(c.isdigit() for c in self.name)
        return str(super().defaultDpid(dpid)) if has_number else "0" * self.dpidLen

    def start(self, controllers: Any) -> None:
        """Queue that the bridge goes up."""
        assert self.bridge is not None
        self.fabric.raise_bridge(self.name, self.bridge)

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803 - Mininet's name; they go with the namespace
        """Do nothing: a bridge goes with its namespace."""

    def _leave(self) -> None:
        """Keep the namespace: the other switches are in it."""
