"""The audit sees every change of the lab's own nodes in the kernel, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from pyroute2.netlink.nfnetlink.nftsocket import nft_table_msg

from lab import EnableVrf
from lab.describe.builder import Builder
from lab.describe.changes import difference
from lab.describe.placing import plan
from lab.describe.plan import BACKBONE, INTERNET, PRIVATE_SERVICES, Filter, Plan
from lab.errors import LiveError
from lab.kernel import expressions as x
from lab.kernel import messages, nftables, words
from lab.kernel.netlink import encode
from lab.model.action import apply
from lab.model.world import World
from lab.net.ground import Ground
from lab.net.topo import Planned

SERVICES, NOWHERE = IPv4Network("166.9.0.0/16"), IPv4Network("0.0.0.0/0")


def world(*, appliances: bool = False) -> World:
    """Return two accounts, one of them without VRF, and somebody on the internet; ``appliances``: and Direct Link."""
    b = Builder()
    b.vsi("acme-vsi", account=b.account("acme", vrf=True, service_endpoints=True))
    b.vsi("rival-vsi", account=b.account("rival"))
    b.internet_host("laptop")
    if appliances:
        for account in ("acme", "rival"):
            gateway = b.gateway_appliance(f"{account}-gateway", account=account, permits_services=False)
            for number in (1, 2):
                b.vsi(f"{account}-inner-{number}", account=account, behind=gateway)
        b.on_premises_host("mainframe", account="acme")
    b.crypto_instance("keys", account="acme")
    return b.world()


class Spoilt:
    """A lab's ground, to be spoilt in one thing; each way to do it returns the node in which it does."""

    def __init__(self, ground: Ground, planned: Plan) -> None:
        self.ground, self.plan = ground, planned

    def route(self, name: str, dst: IPv4Network, **values: Any) -> Planned:
        """Add, replace or delete a route."""
        node = self.ground.node(name)
        if gateway := values.pop("via", None):
            values["gateway"] = IPv4Address(gateway)
        node.add_route(dst, **values)
        node.fabric.flush()
        return node

    def say(self, name: str, said: Callable[[Any], object]) -> Planned:
        """Let pyroute2 say something to the node's kernel."""
        refused = words.say(self.ground.namespace(name), said)
        assert refused is None, refused
        return self.ground.node(name)

    def table(self, name: str, *more: bytes) -> Planned:
        """Change nftables otherwise than by filters."""
        node = self.ground.node(name)
        nftables.transaction(node.netfilter, more)
        return node


def _index(spoilt: Spoilt, name: str, interface: str) -> int:
    index: int = spoilt.ground.node(name).nameToIntf[interface].index
    return index


def _rival(spoilt: Spoilt) -> str:
    return str(spoilt.plan.node("rival-vsi").addresses[0].address.ip)


def _rule(spoilt: Spoilt, *sent: bytes) -> Planned:
    node = spoilt.ground.node(BACKBONE)
    node.place.send(sent)
    return node


def _sysctl(spoilt: Spoilt, name: str, setting: str, value: str) -> None:
    spoilt.ground.node(name).place.set(setting, value)


# what is done, and the words that tell it
WAYS: dict[str, tuple[Callable[[Spoilt], object], str]] = {
    "route lost": (
        lambda s: s.route(BACKBONE, NOWHERE, table=1001, kind="unreachable", action="delete"),
        "backbone: missing route unreachable default table 1001",
    ),
    "route gained": (
        lambda s: s.route(BACKBONE, SERVICES, via="166.8.0.2", interface="services", table=1001),
        "backbone: unplanned route 166.9.0.0/16 via 166.8.0.2 dev services table 1001",
    ),
    "route in a table of nobody's": (
        lambda s: s.route(INTERNET, SERVICES, interface="services", table=77),
        "internet: unplanned route 166.9.0.0/16 dev services table 77",
    ),
    "neighbour wrong": (
        lambda s: s.route(
            BACKBONE, IPv4Network("166.8.0.0/14"), via=_rival(s), interface="a2-1", table=1001, action="replace"
        ),
        "backbone: missing route 166.8.0.0/14 via 166.8.0.2 dev services table 1001",
    ),
    "route with a metric": (
        lambda s: s.say(PRIVATE_SERVICES, lambda k: k.route("add", dst="10.0.0.0/8", type="blackhole", priority=5)),
        "private-services: unplanned route blackhole 10.0.0.0/8 metric 5",
    ),
    "route of a kernel's own": (
        lambda s: s.say(
            PRIVATE_SERVICES, lambda k: k.route("add", dst="9.9.9.9/32", type="local", oif=1, table=255, scope=254)
        ),
        "private-services: unplanned route local 9.9.9.9/32 dev lo table 255",
    ),
    "rule lost": (
        lambda s: _rule(s, messages.rule(2001, 1001, fwmark=1001, delete=True)),
        "backbone: missing rule 2001: fwmark 1001 lookup 1001",
    ),
    "rule gained": (
        lambda s: _rule(s, messages.rule(5, 254, iif="a1-1")),
        "backbone: unplanned rule 5: iif a1-1 lookup 254",
    ),
    "address lost": (
        lambda s: s.say(
            PRIVATE_SERVICES, lambda k: k.addr("del", index=1, address="161.26.0.10", prefixlen=32)
        ),
        "private-services: missing address 161.26.0.10/32 dev lo",
    ),
    "address gained": (
        lambda s: s.say(INTERNET, lambda k: k.addr("add", index=1, address="166.9.12.20", prefixlen=32)),
        "internet: unplanned address 166.9.12.20/32 dev lo",
    ),
    "link down": (
        lambda s: s.say(PRIVATE_SERVICES, lambda k: k.link("set", ifname="eth0", state="down")),
        "backbone: unplanned link services up, no carrier",
    ),
    "link gained": (
        lambda s: s.say(INTERNET, lambda k: k.link("add", ifname="leak", peer="kael", kind="veth", state="up")),
        "internet: unplanned link leak up",
    ),
    "link small": (
        lambda s: s.say(INTERNET, lambda k: k.link("set", ifname="services", mtu=600)),
        "internet: unplanned link services up, mtu 600",
    ),
    "queue": (
        lambda s: s.say(
            INTERNET, lambda k: k.tc("add", kind="pfifo", index=_index(s, INTERNET, "services"), handle="1:", limit=1)
        ),
        "internet: unplanned queue pfifo dev services",
    ),
    "neighbour for good": (
        lambda s: s.say(
            PRIVATE_SERVICES,
            lambda k: k.neigh(
                "add",
                dst="166.8.0.1",
                lladdr="02:00:00:00:00:99",
                ifindex=_index(s, PRIVATE_SERVICES, "eth0"),
                state="permanent",
            ),
        ),
        "private-services: unplanned permanent neighbour 166.8.0.1 lladdr 02:00:00:00:00:99 dev eth0",
    ),
    "no forwarding": (
        lambda s: _sysctl(s, BACKBONE, "net.ipv4.ip_forward", "0"),
        "backbone: missing link setting all: forwarding",
    ),
    "no forwarding of one link": (
        lambda s: _sysctl(s, BACKBONE, "net/ipv4/conf/services/forwarding", "0"),
        "backbone: unplanned link setting services: no forwarding",
    ),
    "reverse paths": (
        lambda s: _sysctl(s, INTERNET, "net/ipv4/conf/all/rp_filter", "1"),
        "internet: unplanned link setting all: forwarding, rp_filter 1",
    ),
    "marks of errors": (
        lambda s: _sysctl(s, BACKBONE, "net.ipv4.fwmark_reflect", "0"),
        "backbone: missing setting net.ipv4.fwmark_reflect = 1",
    ),
    "table gained": (
        lambda s: s.table(PRIVATE_SERVICES, nftables.table("other")),
        "private-services: unplanned table of filters inet other",
    ),
    "table asleep": (
        lambda s: s.table(INTERNET, encode(nft_table_msg, 10 << 8, 0x400, [("NFTA_TABLE_NAME", "pelab"),
                                           ("NFTA_TABLE_FLAGS", 1)], nfgen_family=1)),
        "internet: missing table of filters inet pelab",
    ),
    "chain gained": (
        lambda s: s.table(INTERNET, nftables.chain("pelab", "late", hook="postrouting", policy="drop")),
        "internet: unplanned chain of filters"
        " inet pelab late type filter hook postrouting priority 0 policy drop",
    ),
    "policy": (
        lambda s: s.table(INTERNET, nftables.chain("pelab", "prerouting", hook="prerouting", priority=-300,
                                                   policy="drop")),
        "internet: missing chain of filters"
        " inet pelab prerouting type filter hook prerouting priority -300 policy accept",
    ),
    "rule of nftables gained": (
        lambda s: s.table(BACKBONE, nftables.rule("pelab", "forward", x.DROP)),
        "backbone: unplanned filter inet pelab forward: drop",
    ),
    "set unused": (
        lambda s: s.table(BACKBONE, nftables.named_set("pelab", "more", "ifname", number=99)),
        "backbone: unplanned set that no filter uses inet pelab more { }",
    ),
    "element lost": (
        lambda s: s.table(BACKBONE, *nftables.elements("pelab", "s1", ["a2-1"], "ifname", delete=True)),
        "backbone: filter is 'inet pelab prerouting: iifname { } nfproto 02",
    ),
    "element gained": (
        lambda s: s.table(BACKBONE, *nftables.elements("pelab", "s1", ["a1-1"], "ifname")),
        "backbone: filter is 'inet pelab prerouting: iifname { a1-1, a2-1 } nfproto 02",
    ),
}  # fmt: skip


def spoil() -> dict[str, list[list[str]]]:
    """Spoil a lab in every way, each in a lab of its own; return what the audit said before and after."""
    planned = plan(world())
    said = {}
    for name, (way, _) in WAYS.items():
        ground = Ground(planned)
        before = ground.differences(planned)
        way(Spoilt(ground, planned))
        said[name] = [before, ground.differences(planned)]
        ground.net.stop()
    return said


def test_every_change_of_the_kernel_is_told(sandboxed: Callable[..., Any]) -> None:
    """A sound lab differs in nothing; a route, rule, address, link, setting or filter more or less is named."""
    for name, (before, after) in sandboxed(spoil).items():
        assert before == [], name
        assert any(line.startswith(WAYS[name][1]) for line in after), (name, after)


def _changes(rule: Filter) -> Iterator[tuple[str, Filter]]:
    """Yield the filter with each of its fields changed in a way that means something."""
    translates = rule.verdict == "translate"  # a kernel takes that from no other chain, and refuses no packet in its
    if not translates:
        yield "hook", replace(rule, hook={"prerouting": "forward", "forward": "prerouting"}[rule.hook])
    yield "rule", replace(rule, rule="edge.another")
    for verdict in {"drop", "accept", "log", "mark", *(() if translates else ("reject",))} - {rule.verdict}:
        if rule.rule or verdict != "log":
            yield "verdict", replace(rule, verdict=verdict, mark=rule.mark or 7)
    for name in ("incoming", "outgoing"):
        for value in (None, frozenset[str](), frozenset({"a1-1"}), frozenset({"a1-1", "a9-9"})):
            if value != getattr(rule, name):
                yield name, replace(rule, **{name: value})  # type: ignore[arg-type] # the field's own type
    for name in ("source", "destination"):
        value = getattr(rule, name)
        for other in ((), (IPv4Network("1.2.3.4/32"),), (IPv4Network("8.0.0.0/7"),), value[1:], value[:-1]):
            if other != value:
                yield name, replace(rule, **{name: other})  # type: ignore[arg-type] # the field's own type
    yield "opening", replace(rule, opening=not rule.opening)
    if rule.mark:
        yield "mark", replace(rule, mark=rule.mark + 1)
    if rule.address:
        yield "address", replace(rule, address=rule.address + 1)


def change_filters() -> list[list[str]]:
    """Change every filter of every node field by field, in the kernel; return the changes that were not seen."""
    planned = plan(world(appliances=True))
    ground = Ground(planned)
    missed, seen = [], set()
    for node in planned.nodes:
        for place, rule in enumerate(node.filters):
            head, tail = node.filters[:place], node.filters[place + 1 :]
            several = [("gone", (*head, *tail)), ("twice", (*head, rule, rule, *tail))]
            if tail and tail[0].hook == rule.hook:
                several.append(("order", (*head, tail[0], rule, *tail[1:])))
            for name, changed in [*several, *((name, (*head, new, *tail)) for name, new in _changes(rule))]:
                ground.node(node.name).set_filters(changed)
                seen.add(name)
                if not any("filter" in line for line in ground.differences(planned)):
                    missed.append([node.name, name, *map(str, changed)])
        if node.filters:
            ground.node(node.name).set_filters(node.filters)
    assert seen >= {
        "hook",
        "rule",
        "verdict",
        "incoming",
        "outgoing",
        "source",
        "destination",
        "mark",
        "address",
        "order",
    }
    return [*missed, ground.differences(planned)]


def test_every_change_of_a_filter_is_seen(sandboxed: Callable[..., Any]) -> None:
    """Each field of each planned filter, its place and its number: changed in the kernel, it differs from the plan."""
    assert sandboxed(change_filters) == [[]]


def carry_out() -> list[list[str]]:
    """Change the world as a scenario does; return the differences from either plan."""
    before = world(appliances=True)
    after = apply(before, EnableVrf(account="rival"))
    first, second = plan(before), plan(after)
    ground = Ground(first)
    early = ground.differences(second)
    ground.change(difference(first, second))
    return [early, ground.differences(second), ground.differences(first)]


def test_a_change_of_the_world_leaves_the_kernel_as_planned(sandboxed: Callable[..., Any]) -> None:
    """After the change the kernel is as the new plan says, and no longer as the old one."""
    early, after, late = sandboxed(carry_out)
    assert after == []
    assert "backbone: missing rule 2002: iif a2-1 lookup 1002" in early
    assert "backbone: unplanned rule 2002: iif a2-1 lookup 1002" in late


def set_host_down() -> list[str]:
    """Do in a user's host what a user may."""
    planned = plan(world())
    ground = Ground(planned)
    spoilt = Spoilt(ground, planned)
    spoilt.say("acme-vsi", lambda k: k.link("set", ifname="eth0", state="down"))
    spoilt.route("rival-vsi", NOWHERE, kind="blackhole", action="replace")
    return ground.differences(planned)


def test_users_hosts_are_the_users(sandboxed: Callable[..., Any]) -> None:
    """A link that a user sets down and a route that a user changes are no fault of the lab."""
    assert sandboxed(set_host_down) == []


def more_of_a_host() -> list[str]:
    """Have hosts' kernels do a little more, or otherwise, than described; return what is told."""
    planned = plan(world())
    ground = Ground(planned)
    spoilt, told = Spoilt(ground, planned), ground.host_differences(planned, "acme-vsi")
    spoilt.say("acme-vsi", lambda k: k.route("add", dst="default", gateway="198.18.0.9", priority=500))
    return told + ground.host_differences(planned, "acme-vsi")


def test_a_host_with_a_second_route_of_another_metric_is_not_as_described(sandboxed: Callable[..., Any]) -> None:
    """All words of a route count but its scope: with the first one gone, the second would still be there."""
    why = "unplanned route default via 198.18.0.9 dev eth1 metric 500"
    assert sandboxed(more_of_a_host) == [why]


def route_an_appliance() -> list[str]:
    """Have an appliance send packets for the services nowhere."""
    planned = plan(world(appliances=True))
    ground = Ground(planned)
    Spoilt(ground, planned).route("acme-gateway", SERVICES, kind="blackhole")
    return ground.differences(planned)


def test_an_appliance_is_the_labs(sandboxed: Callable[..., Any]) -> None:
    """A route on it that nobody planned is told: what it loses, no firewall lost."""
    assert sandboxed(route_an_appliance) == ["acme-gateway: unplanned route blackhole 166.9.0.0/16"]


def unreadable() -> None:
    """Ask a kernel that cannot answer."""
    planned = plan(world())
    ground = Ground(planned)
    node = ground.node(INTERNET)
    node.netfilter.close()
    with pytest.raises(LiveError, match="^internet: its kernel cannot be read: "):
        ground.differences(planned)


def test_a_kernel_that_cannot_be_read_is_an_error(sandboxed: Callable[..., Any]) -> None:
    """What was not looked at is not called sound."""
    sandboxed(unreadable)
