"""What lab.net relies on in Mininet beyond its documentation. When this fails, Mininet has changed."""

from __future__ import annotations

import inspect
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

import mininet.cli
import mininet.link
import mininet.net
import mininet.node
import pytest
from mininet.topo import SingleSwitchTopo, Topo

from lab.net.fabric import Fabric
from lab.net.links import Interface, Link
from lab.net.network import Network
from lab.net.nodes import Host, Router, Switch


def _names(function: Any) -> list[str]:
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


def test_version_is_the_one_that_was_read() -> None:
    """Another version has to be read first."""
    assert mininet.net.VERSION == "2.3.0.dev6"


def test_importing_lab_net_keeps_mininet_off_the_machine() -> None:
    """``fixLimits`` would write the machine's own settings, and the CLI would not read a hyphen."""
    assert mininet.net.Mininet.inited is True
    assert {"-", "."} <= set(mininet.cli.CLI.identchars)


def test_node_starts_its_shell_by_the_method_we_replace() -> None:
    """``__init__`` sets what is lazy with us, then calls ``startShell`` and ``mountPrivateDirs``."""
    source = inspect.getsource(mininet.node.Node.__init__)
    assert source.index("self.stdin") < source.index("self.startShell()") < source.index("self.mountPrivateDirs()")
    assert _names(mininet.node.Node.startShell) == ["self", "mnopts"]
    started = inspect.getsource(mininet.node.Node.startShell)
    for name in ("shell", "stdin", "stdout", "pid", "pollOut", "execed", "lastCmd", "lastPid", "readbuf", "waiting"):
        assert f"self.{name}" in started, name
    assert isinstance(mininet.node.Node.outToNode, dict)
    assert isinstance(mininet.node.Node.inToNode, dict)


@pytest.mark.parametrize(
    "name",
    [
        "addIntf", "cleanup", "config", "defaultIntf", "intfList", "mountPrivateDirs", "popen", "sendCmd",
        "setARP", "setDefaultRoute", "setHostRoute", "setup", "startShell", "terminate",
    ],
)  # fmt: skip
def test_what_we_replace_is_there(name: str) -> None:
    """A method that Mininet no longer calls would be replaced in vain."""
    assert callable(getattr(mininet.node.Node, name))


def test_interfaces_and_links_are_made_as_we_expect() -> None:
    """The link makes the pair first, then the interfaces, by these names."""
    source = inspect.getsource(mininet.link.Link.__init__)
    assert source.index("self.makeIntfPair(") < source.index("cls1( name=")
    assert "link=self, mac=addr1" in source
    expected = ["intfname1", "intfname2", "addr1", "addr2", "node1", "node2", "deleteIntfs"]
    assert _names(mininet.link.Link.makeIntfPair) == expected
    assert _names(Link.makeIntfPair) == ["self", *expected]
    assert _names(mininet.link.Intf.__init__) == _names(Interface.__init__)
    for name in (
        "setIP",
        "setMAC",
        "isUp",
        "updateIP",
        "updateMAC",
        "updateAddr",
        "ifconfig",
        "rename",
        "delete",
        "status",
    ):
        assert _names(getattr(mininet.link.Intf, name)) == _names(getattr(Interface, name)), name


def test_net_is_built_through_the_methods_we_extend() -> None:
    """Nodes and links come by ``addHost``, ``addSwitch`` and ``addLink``; switches start in ``start``."""
    built = inspect.getsource(mininet.net.Mininet.buildFromTopo)
    for call in ("self.addHost(", "self.addSwitch(", "self.addLink("):
        assert call in built
    assert "switch.start( self.controllers )" in inspect.getsource(mininet.net.Mininet.start)
    assert "host.terminate()" in inspect.getsource(mininet.net.Mininet.stop)


def test_building_needs_no_privileges_and_starts_nothing() -> None:
    """Everything is queued; the plan can be read before anything is done."""
    net = Network(SingleSwitchTopo(2))
    assert net.fabric.plan() == [
        "switches: new network namespace",
        "h1: new network namespace",
        "h2: new network namespace",
        "s1: new bridge",
        "h1:h1-eth0 -- s1:s1-eth1: new link",
        "h2:h2-eth0 -- s1:s1-eth2: new link",
        "h1: h1-eth0 up",
        "h1: add address 10.0.0.1/8 to h1-eth0",
        "h1: lo up",
        "h2: h2-eth0 up",
        "h2: add address 10.0.0.2/8 to h2-eth0",
        "h2: lo up",
        "carrier of 2 interfaces",
    ]
    assert not any(node.has_shell() for node in net.values())
    net.stop()


class _Two(Topo):  # type: ignore[misc] # Mininet's classes are untyped
    """A host and a router."""

    def build(self, **params: Any) -> None:
        """Link them."""
        self.addHost("a", cls=Host, **params)
        self.addHost("b", cls=Router, ip=None)
        self.addLink("a", "b", cls=Link, intfName1="eth0", intfName2="a")


def test_given_addresses_replace_mininets_own_choice() -> None:
    """Mininet gives every host an address of 10.0.0.0/8; who says addresses means these."""
    net = Network(_Two(addresses=[("eth0", IPv4Interface("166.9.0.1/16"))]))
    assert "a: add address 166.9.0.1/16 to eth0" in net.fabric.plan()
    assert not any("10.0.0.1" in line for line in net.fabric.plan())
    assert net["a"].IP() == "166.9.0.1"


@pytest.mark.parametrize(
    "params, error",
    [
        ({"adresses": []}, "unknown parameter 'adresses' of a node: did you mean 'addresses'"),
        ({"defualtRoute": "dev eth0"}, "unknown parameter 'defualtRoute' of a node: did you mean 'defaultRoute'"),
        ({"addresses": [("eth9", IPv4Interface("10.0.0.1/8"))]}, "a has no interface 'eth9'"),
        ({"routes": [{"dst": IPv4Network("10.0.0.0/8"), "interface": "eth1"}]}, "a has no interface 'eth1'"),
        ({"inNamespace": False}, "every node of a fabric has a network namespace"),
    ],
)
def test_wrong_parameters_are_refused_when_the_net_is_built(params: dict[str, Any], error: str) -> None:
    """Mininet ignores what it does not know."""
    with pytest.raises((TypeError, ValueError), match=error):
        Network(_Two(**params))


def test_wrong_interface_parameters_are_refused() -> None:
    """A bandwidth that nobody sets would be believed."""
    net = Network()
    a, b = net.addHost("a"), net.addHost("b")
    with pytest.raises(TypeError, match="unknown parameter 'bw'"):
        net.addLink(a, b, bw=10)
    with pytest.raises(ValueError, match="not of one fabric"):
        Link(a, Host("c", fabric=Fabric()))
    net.addLink(a, b, intfName2="same")
    with pytest.raises(ValueError, match="b has an interface same already"):
        net.addLink(a, b, intfName2="same")


def test_switch_names_need_no_number() -> None:
    """Mininet wants one for OpenFlow, which a bridge does not speak."""
    assert Switch("backbone", fabric=Fabric()).dpid == "0" * 16
    assert Switch("s3", fabric=Fabric()).dpid == "3".rjust(16, "0")


def test_addresses_of_links_are_the_same_in_every_run() -> None:
    """Captures of two runs can be compared; Mininet draws them."""
    macs = [[i.mac for h in Network(SingleSwitchTopo(3)).hosts for i in h.intfList()] for _ in range(2)]
    assert macs[0] == macs[1]
    assert len(set(macs[0])) == 3
