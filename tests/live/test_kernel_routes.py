"""lab.kernel's rtnetlink messages do to the kernel what they say."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.kernel import linkstate, messages, namespaces, netlink
from lab.kernel.veth import End, bridge, veth

DEFAULT = IPv4Network("0.0.0.0/0")
SERVICES = IPv4Network("166.9.0.0/16")
SERVICE, HOST = IPv4Address("166.9.0.10"), IPv4Address("10.0.0.2")


class Two:
    """A host (10.0.0.2) and a router (10.0.0.1), joined by one link."""

    def __init__(self) -> None:
        """Make both."""
        self.fabric = netlink.open_socket()
        self.host_ns, self.host = namespaces.new_network(netlink.open_socket)
        self.router_ns, self.router = namespaces.new_network(netlink.open_socket)
        a = End(name="eth0", index=100, mac="02:00:00:00:00:01", namespace=self.host_ns)
        b = End(name="a-fifteen-chars", index=101, mac="02:00:00:00:00:02", namespace=self.router_ns)
        netlink.batch(self.fabric, [veth(a, b)])
        for opened, index, address in ((self.host, 100, "10.0.0.2/24"), (self.router, 101, "10.0.0.1/24")):
            up = [messages.link_up(1), messages.link_up(index), messages.address(index, IPv4Interface(address))]
            netlink.batch(opened, up)


def lookups() -> list[Any]:
    """Ask for routes of every kind."""
    two = Two()
    netlink.batch(two.host, [
        messages.route(DEFAULT, gateway=IPv4Address("10.0.0.1")),
        messages.route(IPv4Network("20.0.0.0/8"), kind="unreachable"),
        messages.route(IPv4Network("30.0.0.0/8"), kind="prohibit"),
        messages.route(IPv4Network("40.0.0.0/8"), kind="blackhole"),
    ])  # fmt: skip
    way = messages.lookup(two.host, SERVICE)
    assert (way.gateway, way.index, way.table, way.source) == (IPv4Address("10.0.0.1"), 100, 254, HOST)
    assert messages.lookup(two.host, HOST).local
    errors = [messages.lookup(two.host, IPv4Address(f"{net}.0.0.1")).error for net in (20, 30, 40)]
    netlink.batch(two.host, [messages.route(DEFAULT, gateway=IPv4Address("10.0.0.1"), action="delete")])
    return [*errors, messages.lookup(two.host, SERVICE).error]


def test_lookup_tells_the_kinds_of_routes_apart(sandboxed: Callable[..., Any]) -> None:
    """Each kind of refusal is the errno that a client would see."""
    assert sandboxed(lookups) == [errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ENETUNREACH]


def account_tables() -> list[Any]:
    """Forward by the table of the incoming interface, with and without the unreachable default."""
    two = Two()
    with namespaces.inside(two.router_ns):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    services = End(name="svc", index=102, mac="02:00:00:00:00:03", namespace=two.router_ns)
    away = End(name="eth9", index=109, mac="02:00:00:00:00:04", namespace=two.host_ns)
    netlink.batch(two.fabric, [veth(services, away)])
    netlink.batch(two.router, [
        messages.address(102, IPv4Interface("166.9.0.1/16")),
        messages.rule(100, 1001, iif="a-fifteen-chars"),
    ])  # fmt: skip

    def ask() -> list[int | None]:
        found = messages.lookup(two.router, SERVICE, source=HOST, iif=101)
        return [found.table, found.error]

    through_main = ask()
    netlink.batch(two.router, [messages.route(DEFAULT, table=1001, kind="unreachable")])
    shut = ask()
    netlink.batch(two.router, [messages.route(SERVICES, index=102, table=1001)])
    return [through_main, shut, ask()]


def test_account_table_needs_its_unreachable_default(sandboxed: Callable[..., Any]) -> None:
    """Without it a look-up falls through to the main table and finds the service; tables above 255 work."""
    through_main, shut, own = sandboxed(account_tables)
    assert through_main == [254, None]
    assert shut == [None, errno.EHOSTUNREACH]
    assert own == [1001, None]


def refusals() -> list[Any]:
    """Send batches with a wrong message in them."""
    two = Two()
    wrong = messages.route(SERVICES, gateway=IPv4Address("99.0.0.1"))
    said = []
    for size in (0, 1, 3000):
        good = [messages.link_up(1)] * size
        try:
            netlink.batch(two.host, [*good, wrong, messages.link_up(100)])
        except netlink.NetlinkError as error:
            said.append([error.errno, error.strerror, error.index])
    return said


def test_batch_names_the_place_and_the_kernels_words(sandboxed: Callable[..., Any]) -> None:
    """A refused message is found in a batch of any length, also where it travels in several datagrams."""
    assert [[errno.ENETUNREACH, "Nexthop has invalid gateway", place] for place in (0, 1, 3000)] == sandboxed(refusals)


def bridged() -> list[Any]:
    """Make a bridge port, change a link's name and address, and read them back."""
    two = Two()
    home = namespaces.current("net")
    port = End(name="s1-eth1", index=7, mac="02:00:00:00:00:05", namespace=home)
    end = End(name="x", index=150, mac="02:00:00:00:00:06", namespace=two.host_ns)
    netlink.batch(two.fabric, [bridge("s1", 6), veth(port, end, master=6), messages.link_up(6)])
    netlink.batch(two.host, [
        messages.link_name(150, "renamed"),
        messages.link_up(150),
        messages.address(150, IPv4Interface("10.9.0.1/16"), connected=False),
    ])  # fmt: skip
    states = linkstate.operstates(two.fabric, [7])
    quiet = messages.lookup(two.host, IPv4Address("10.9.0.2")).error
    with namespaces.inside(two.host_ns):
        lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    names = sorted(line.split(":")[0].strip() for line in lines)
    addresses = [str(a) for a in linkstate.addresses(two.host, 150)]
    netlink.batch(
        two.host, [messages.address(150, IPv4Interface("10.9.0.1/16"), delete=True), messages.delete_link(150)]
    )
    return [states, quiet, names, addresses, linkstate.operstates(two.fabric, [7])]


def test_bridge_port_is_operational_when_asked_and_goes_with_its_peer(sandboxed: Callable[..., Any]) -> None:
    """An unconnected address brings no route of its own; a deleted end takes the other with it."""
    states, quiet, names, addresses, after = sandboxed(bridged)
    assert states == {"7": linkstate.OPERSTATE_UP}
    assert quiet == errno.ENETUNREACH
    assert names == ["eth0", "lo", "renamed"]
    assert addresses == ["10.9.0.1/16"]
    assert after == {}


def users_handle() -> list[Any]:
    """Open and close pyroute2's objects, and use one in a wrong thread."""
    two = Two()
    before = len(list(Path("/proc/self/fd").iterdir()))
    names: list[str] = []
    for _ in range(5):
        with netlink.iproute(two.host_ns) as handle:
            names = sorted(link.get("ifname") for link in handle.get_links())
    after = len(list(Path("/proc/self/fd").iterdir()))
    handle = netlink.iproute(two.host_ns)
    try:
        namespaces.in_thread(lambda: list(handle.get_links()))
    except RuntimeError as error:
        wrong = type(error).__name__
    else:
        wrong = "nothing"
    handle.close()
    return [names, after - before, wrong]


def test_iproute_acts_in_its_namespace_and_leaks_nothing(sandboxed: Callable[..., Any]) -> None:
    """A handle used in a thread that did not open it raises; it never acts elsewhere."""
    assert sandboxed(users_handle) == [["eth0", "lo"], 0, "RuntimeError"]


@pytest.mark.parametrize("name", ["", "sixteen-chars-xx", "a b", "a/b"])
def test_interface_names_are_checked_before_the_kernel_sees_them(name: str) -> None:
    """The kernel would say "Attribute failed policy validation"."""
    with pytest.raises(ValueError, match="no interface name"):
        messages.padded_name(name)
