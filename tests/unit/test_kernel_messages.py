"""Every template gives the bytes that pyroute2's class gives."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from lab.kernel import expressions as x
from lab.kernel import messages, veth
from lab.kernel.messages import RouteAction, RouteKind
from lab.kernel.netlink import attributes, split

GATEWAY = IPv4Address("10.64.0.1")


@pytest.mark.parametrize("master", [None, 1, 70_000])
@pytest.mark.parametrize("name", ["eth0", "n", "fifteen-letters"])
def test_veth_template_is_the_class(name: str, master: int | None) -> None:
    """One shape serves names of every length: they are padded as the kernel's own are."""
    a = veth.End(name=name, index=3, mac="02:00:00:00:00:01", namespace=9)
    b = veth.End(name="other", index=1 << 20, mac="02:ff:fe:fd:fc:fb", namespace=400)

    def padded(end: veth.End) -> veth.End:
        text = end.name.ljust(messages.NAME_BYTES, "\0")
        return veth.End(name=text, index=end.index, mac=end.mac, namespace=end.namespace)

    assert veth.veth(a, b, master=master) == veth.encode_veth(padded(a), padded(b), master=master)


@pytest.mark.parametrize("delete", [False, True], ids=["add", "delete"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "unconnected"])
@pytest.mark.parametrize("address", ["10.0.0.1/8", "0.0.0.1/0", "166.9.0.10/32", "201.202.203.204/24"])
def test_address_template_is_the_class(address: str, connected: bool, delete: bool) -> None:
    """Also where the address is the mark itself."""
    interface = IPv4Interface(address)
    expected = messages.encode_address(7, interface, connected=connected, delete=delete)
    assert messages.address(7, interface, connected=connected, delete=delete) == expected


@pytest.mark.parametrize("action", ["add", "append", "replace", "delete"])
@pytest.mark.parametrize("kind", ["unicast", "unreachable", "blackhole", "prohibit"])
@pytest.mark.parametrize("dst", ["0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "166.9.0.0/16", "166.9.0.10/32"])
@pytest.mark.parametrize("gateway", [None, GATEWAY], ids=["direct", "gateway"])
@pytest.mark.parametrize("index", [None, 2], ids=["any", "interface"])
def test_route_template_is_the_class(
    dst: str, gateway: IPv4Address | None, index: int | None, kind: RouteKind, action: RouteAction
) -> None:
    """Every shape, with a table that does not fit into the header's byte."""
    network = IPv4Network(dst)
    expected = messages.encode_route(network, gateway=gateway, index=index, table=1001, kind=kind, action=action)
    made = messages.route(network, gateway=gateway, index=index, table=1001, kind=kind, action=action)
    assert made == expected


@pytest.mark.parametrize("data", [b"\x02", b"\x01\xbb", b"\x0a\x00\x00\x01", b"eth0".ljust(16, b"\0")])
@pytest.mark.parametrize("operator", [0, 1])
def test_comparison_template_is_the_class(data: bytes, operator: int) -> None:
    """Literals of every length in use."""
    assert x.compare(data, operator) == x.encode_compare(data, operator)


@pytest.mark.parametrize("data", [b"\xe9\x03", b"\xa6\x0b\x00\x01"])
def test_literal_template_is_the_class(data: bytes) -> None:
    """A zone's number, and a mark or an address."""
    assert x.immediate(data) == x.encode_immediate(data)


def test_rule_names_interface_table_and_mark() -> None:
    """A rule's table does not fit into the header's byte either."""
    ((kind, _, _, body),) = split(messages.rule(100, 1001, iif="acme0", fwmark=7))
    values = dict(attributes(body, 12, len(body)))
    word = {number: int.from_bytes(value, "little") for number, value in values.items() if len(value) == 4}
    assert kind == 32
    assert values[3] == b"acme0\0"
    assert (word[6], word[15], word[10]) == (100, 1001, 7)


@pytest.mark.parametrize("name", ["", "sixteen-chars-xx", "a b", "a/b", "tab\t"])
def test_interface_names_are_checked_before_the_kernel_sees_them(name: str) -> None:
    """The kernel would say "Attribute failed policy validation", or cut it off."""
    with pytest.raises(ValueError, match="no interface name"):
        messages.padded_name(name)
