"""The builder's promises: good defaults, and every mistake at once, with its place and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import currentframe
from ipaddress import IPv4Network

import pytest

from lab.describe.builder import Builder
from lab.describe.placing import controls
from lab.errors import ModelError
from lab.model.addresses import BACKBONE
from lab.model.endpoint import LAST_PORT, kms_port
from lab.model.plane import Plane, Policy
from lab.model.world import HostKind, World

RANGES = {
    (HostKind.VSI, Plane.PRIVATE): BACKBONE,
    (HostKind.VSI, Plane.PUBLIC): IPv4Network("198.18.0.0/15"),
    (HostKind.INTERNET, Plane.PUBLIC): IPv4Network("203.0.113.0/24"),
    (HostKind.ON_PREMISES, Plane.PRIVATE): BACKBONE,
    (HostKind.ON_PREMISES, Plane.PUBLIC): IPv4Network("203.0.113.0/24"),
}


def test_an_account_has_both_switches_off_by_default() -> None:
    """VRF and service endpoints are decisions, not defaults."""
    builder = Builder()
    account = builder.account("acme")
    assert (account.vrf, account.service_endpoints) == (False, False)


def test_a_vsi_has_a_private_and_a_public_nic_and_its_image_routes() -> None:
    """10/8, 161.26/16 and 166.9/16 by the private gateway, everything else by the public one."""
    builder = Builder()
    builder.account("acme")
    vsi = builder.vsi("vsi-1", account="acme")
    assert [nic.plane for nic in vsi.nics] == [Plane.PRIVATE, Plane.PUBLIC]
    routed = {str(route.dst): route.interface for route in vsi.routes}
    assert routed == {"10.0.0.0/8": "eth0", "161.26.0.0/16": "eth0", "166.9.0.0/16": "eth0", "0.0.0.0/0": "eth1"}


def test_a_policy_that_was_never_set_is_none() -> None:
    """The default is the absence of a policy, and it is told apart from public-and-private."""
    builder = Builder()
    builder.account("acme")
    assert builder.crypto_instance("keys", account="acme").policy is None
    assert builder.crypto_instance("other", account="acme", policy="private-only").policy is Policy.PRIVATE_ONLY


def _two_accounts(builder: Builder, *, first_has_vrf: bool = False) -> None:
    for name, vrf in (("acme", first_has_vrf), ("beta", False)):
        builder.account(name, vrf=vrf)
        builder.vsi(f"{name}-1", account=name, private_address="10.1.0.2/26")


def _one_vsi(name: str = "vsi-1", **arguments: str) -> Callable[[Builder], None]:
    def make(builder: Builder) -> None:
        builder.account("acme")
        builder.vsi(name, account="acme", **arguments)  # type: ignore[arg-type]  # one of them is a truth value

    return make


def _accounts(builder: Builder, count: int) -> None:
    for number in range(count):
        builder.account(f"a{number}")


def _vsis_of_one(builder: Builder, count: int) -> None:
    builder.account("acme")
    for number in range(count):
        builder.vsi(f"vsi-{number}", account="acme")


def _vsis(builder: Builder, count: int) -> None:
    for number in range(count):
        account = f"a{number // 1000}"
        if number % 1000 == 0:
            builder.account(account)
        builder.vsi(f"vsi-{number}", account=account)


def _internet_hosts(builder: Builder, count: int) -> None:
    builder.account("acme")
    for number in range(count):
        builder.internet_host(f"h{number}")


def _on_premises(builder: Builder, count: int) -> None:
    builder.account("acme", vrf=True)
    for number in range(count):
        builder.on_premises_host(f"h{number}", account="acme")


def _instances(builder: Builder, count: int) -> None:
    builder.account("acme")
    for number in range(count):
        builder.crypto_instance(f"keys-{number}", account="acme")


def _the_controls_name(builder: Builder) -> None:
    builder.account("acme")
    builder.crypto_instance("acme.control", account="acme")


def _said_twice(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("vsi-1", account="acme")
    builder.vsi("vsi-1", account="acme")


def _unknown_account(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("vsi-1", account="acne")


def _endpoints_without_vrf(builder: Builder) -> None:
    builder.account("acme", service_endpoints=True)


def _no_region(builder: Builder) -> None:
    builder.account("acme")
    builder.crypto_instance("keys", account="acme", region="us-sout")


def _direct_link_without_vrf(builder: Builder) -> None:
    builder.account("acme")
    builder.on_premises_host("mainframe", account="acme")


def _behind_nothing(builder: Builder) -> None:
    builder.account("acme")
    builder.gateway_appliance("gateway", account="acme")
    builder.vsi("vsi-1", account="acme", behind="gatewy")


def _behind_anothers(builder: Builder) -> None:
    builder.account("acme")
    builder.account("beta")
    gateway = builder.gateway_appliance("gateway", account="acme")
    builder.vsi("vsi-1", account="beta", behind=gateway)


def _an_appliances_name(builder: Builder) -> None:
    builder.account("acme")
    builder.gateway_appliance("gateway", account="acme")
    builder.vsi("gateway", account="acme")


def _an_appliances_subnet(builder: Builder) -> None:
    builder.account("acme")
    builder.gateway_appliance("gateway", account="acme")
    builder.vsi("vsi-1", account="acme", private_address="10.65.0.70/26")


def _no_policy(builder: Builder) -> None:
    builder.account("acme")
    builder.crypto_instance("keys", account="acme", policy="private")


MISTAKES: dict[str, tuple[Callable[[Builder], None], str]] = {
    "overlap-without-vrf": (
        _two_accounts,
        "accounts/beta/vsis/beta-1/private_address: 10.1.0.0/26 overlaps acme-1 of acme "
        "(without VRF all accounts share one address space)",
    ),
    "overlap-one-without-vrf": (
        lambda builder: _two_accounts(builder, first_has_vrf=True),
        "accounts/beta/vsis/beta-1/private_address: 10.1.0.0/26 overlaps acme-1 of acme "
        '(only VRF keeps equal addresses apart: account("beta", vrf=True))',
    ),
    "gateway-outside": (
        _one_vsi(private_gateway="10.9.9.9"),
        "accounts/acme/vsis/vsi-1/private_gateway: 10.9.9.9 is outside the subnet 10.65.0.64/26 (such as 10.65.0.65)",
    ),
    "duplicate-name": (_said_twice, "accounts/acme/vsis/vsi-1: 'vsi-1' is said twice (names are unique)"),
    "unknown-account": (
        _unknown_account,
        "accounts/?/vsis/vsi-1/account: no account named 'acne' (did you mean 'acme'?)",
    ),
    "service-endpoints-without-vrf": (
        _endpoints_without_vrf,
        "accounts/acme: service endpoints need VRF (vrf=True)",
    ),
    "unknown-region": (
        _no_region,
        "instances/keys/region: no region named 'us-sout' (did you mean 'us-south'?)",
    ),
    "unknown-policy": (_no_policy, "instances/keys/policy: no policy named 'private' (did you mean 'private-only'?)"),
    "direct-link-without-vrf": (
        _direct_link_without_vrf,
        'accounts/acme/on-premises/mainframe: a Direct Link needs VRF (account("acme", vrf=True))',
    ),
    "unknown-appliance": (
        _behind_nothing,
        "accounts/acme/vsis/vsi-1/behind: no gateway appliance named 'gatewy' (did you mean 'gateway'?)",
    ),
    "another-accounts-appliance": (
        _behind_anothers,
        "accounts/beta/vsis/vsi-1/behind: gateway is an appliance of acme (it forwards for acme alone)",
    ),
    "an-appliances-name": (
        _an_appliances_name,
        "accounts/acme/vsis/gateway: 'gateway' is said twice (names are unique)",
    ),
    "an-appliances-subnet": (
        _an_appliances_subnet,
        "accounts/acme/vsis/vsi-1/private_address: 10.65.0.64/26 overlaps gateway of acme "
        "(each VSI stands on a subnet of its own)",
    ),
    "reserved-name": (
        _one_vsi("backbone"),
        "accounts/acme/vsis/backbone: 'backbone' is a node of the lab itself (reserved: backbone, internet, nowhere, "
        "private-services, public-services, witness-edge, witness-private, witness-public)",
    ),
    "long-interface-name": (
        _one_vsi(private_interface="a-name-of-sixteen"),
        "accounts/acme/vsis/vsi-1/private_interface: 'a-name-of-sixteen' is no interface name: "
        "1 to 15 letters, digits, dots, hyphens and underscores, a letter or digit first (such as eth0)",
    ),
    "whole-backbone-as-subnet": (
        _one_vsi(private_address="10.1.0.2/8"),
        "accounts/acme/vsis/vsi-1/private_address: 10.1.0.2/8 is no host address in 10.0.0.0/8 with its prefix "
        "(such as 10.64.0.2/26)",
    ),
    "broadcast-address": (
        _one_vsi(private_address="10.1.0.63/26"),
        "accounts/acme/vsis/vsi-1/private_address: 10.1.0.63/26 is no host address in 10.0.0.0/8 with its prefix "
        "(such as 10.64.0.2/26)",
    ),
    "router-has-the-vsis-address": (
        _one_vsi(private_address="10.1.0.1/26"),
        "accounts/acme/vsis/vsi-1/private_gateway: 10.1.0.1 is the VSI's own address (such as 10.1.0.2)",
    ),
    "broadcast-address-as-router": (
        _one_vsi(private_address="10.1.0.2/26", private_gateway="10.1.0.63"),
        "accounts/acme/vsis/vsi-1/private_gateway: 10.1.0.63 is no host address in 10.1.0.0/26 (such as 10.1.0.1)",
    ),
    "loopbacks-name": (
        _one_vsi(private_interface="lo"),
        "accounts/acme/vsis/vsi-1/private_interface: 'lo' is the kernel's own (such as eth0)",
    ),
    "name-of-all-interfaces": (
        _one_vsi(public_interface="all"),
        "accounts/acme/vsis/vsi-1/public_interface: 'all' is the kernel's own (such as eth0)",
    ),
    "a-pattern-as-interface": (
        _one_vsi(private_interface="eth%d"),
        "accounts/acme/vsis/vsi-1/private_interface: 'eth%d' is no interface name: "
        "1 to 15 letters, digits, dots, hyphens and underscores, a letter or digit first (such as eth0)",
    ),
    "the-control-instances-name": (
        _the_controls_name,
        "instances/acme.control: 'acme.control' is no name "
        "(1 to 63 small letters, digits and single hyphens, a letter first)",
    ),
    "address-off-the-backbone": (
        _one_vsi(private_address="192.0.2.5/24"),
        "accounts/acme/vsis/vsi-1/private_address: 192.0.2.5/24 is no host address in 10.0.0.0/8 with its prefix "
        "(such as 10.64.0.2/26)",
    ),
}


def _told(error: ModelError) -> list[str]:
    """Return the problems as they are said, but for the author's line, which is a line of this file."""
    assert {problem.line.rpartition(":")[0] for problem in error.problems} == {__file__}
    return [str(replace(problem, line="")) for problem in error.problems]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(mistake: str) -> None:
    """One line: the path of the fault, what is wrong, the nearest valid thing."""
    make, told = MISTAKES[mistake]
    builder = Builder()
    make(builder)
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert _told(caught.value) == [told]


LIMITS: dict[str, tuple[Callable[[Builder, int], None], int, str]] = {
    "accounts": (_accounts, 191, "accounts/a191: there is room for 191 accounts and no more"),
    "vsis-of-an-account": (
        _vsis_of_one,
        1023,
        "accounts/acme/vsis/vsi-1023: there is room for 1023 VSIs in an account and no more",
    ),
    "vsis": (_vsis, 16383, "accounts/a16/vsis/vsi-16383: there is room for 16383 VSIs and no more"),
    "internet-hosts": (_internet_hosts, 31, "hosts/h31: there is room for 31 internet hosts and no more"),
    "on-premises-hosts": (
        _on_premises,
        31,
        "accounts/acme/on-premises/h31: there is room for 31 internet hosts and no more",
    ),
    "instances": (_instances, 28056, "instances/keys-28056: there is room for 28056 instances and no more"),
}


@pytest.mark.parametrize("kind", LIMITS)
def test_what_finds_no_room_is_told_once_with_the_limit(kind: str) -> None:
    """The last that fits stands inside the address plan; two more make one problem, at the first of them."""
    make, most, told = LIMITS[kind]
    fitting, crowded = Builder(), Builder()
    make(fitting, most)
    world = fitting.world()
    for host in world.hosts.values():
        for nic in host.nics:
            assert nic.address.network.subnet_of(RANGES[host.kind, nic.plane])
    for instance in (*world.instances.values(), *controls(world)):
        assert kms_port(instance) + 1 <= LAST_PORT
    make(crowded, most + 2)
    with pytest.raises(ModelError) as caught:
        crowded.world()
    assert _told(caught.value) == [told]


def test_every_instance_and_control_instance_has_ports_of_its_own() -> None:
    """Whatever an author calls an instance, no name, id or port is the hidden control instance's."""
    builder = Builder()
    builder.account("acme")
    for name in ("acme-control", "control", "acme"):
        builder.crypto_instance(name, account="acme")
    world = builder.world()
    every = (*world.instances.values(), *controls(world))
    for part in ([i.name for i in every], [i.guid for i in every], [kms_port(i) for i in every]):
        assert len({*part}) == 4


def test_a_subnet_inside_a_wider_one_is_told_whatever_stands_between() -> None:
    """Each VSI that overlaps one said before is one problem, at the later one."""
    builder = Builder()
    builder.account("acme")
    for number, address in enumerate(("10.200.7.2/26", "10.201.0.2/26", "10.200.0.2/16", "10.200.9.2/26")):
        builder.vsi(f"vsi-{number}", account="acme", private_address=address)
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert [told.partition(" (")[0] for told in _told(caught.value)] == [
        "accounts/acme/vsis/vsi-2/private_address: 10.200.0.0/16 overlaps vsi-0 of acme",
        "accounts/acme/vsis/vsi-3/private_address: 10.200.9.0/26 overlaps vsi-2 of acme",
    ]


def test_only_vrf_keeps_equal_subnets_apart_and_only_those_of_different_accounts() -> None:
    """Two accounts with VRF may have the same; a VSI of the account's own, or of one without VRF, is told each time."""
    builder = Builder()
    for name, vrf in (("acme", True), ("globex", True), ("plain", False)):
        builder.account(name, vrf=vrf)
    for name, account, address in (
        ("a-1", "acme", "10.240.0.2/16"),
        ("g-1", "globex", "10.240.0.2/16"),
        ("g-2", "globex", "10.240.7.2/26"),
        ("a-2", "acme", "10.241.0.2/26"),
        ("p-1", "plain", "10.241.0.2/26"),
        ("g-3", "globex", "10.241.0.2/26"),
    ):
        builder.vsi(name, account=account, private_address=address)
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert _told(caught.value) == [
        "accounts/globex/vsis/g-2/private_address: 10.240.7.0/26 overlaps g-1 of globex"
        " (each VSI stands on a subnet of its own)",
        "accounts/plain/vsis/p-1/private_address: 10.241.0.0/26 overlaps a-2 of acme"
        ' (only VRF keeps equal addresses apart: account("plain", vrf=True))',
        "accounts/globex/vsis/g-3/private_address: 10.241.0.0/26 overlaps p-1 of plain"
        ' (only VRF keeps equal addresses apart: account("plain", vrf=True))',
    ]


def test_a_mistake_is_told_with_its_authors_line() -> None:
    """The line is that of the innermost code that describes, also for what is only found when the world is whole."""

    def helper(name: str) -> int:
        builder.vsi(name, account="acme", private_address="10.1.0.2/26", private_gateway="10.9.9.9")
        return currentframe().f_lineno - 1  # type: ignore[union-attr]  # CPython has frames

    builder = Builder()
    builder.account("acme")
    first, second = helper("vsi-1"), helper("vsi-2")
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert [problem.line for problem in caught.value.problems] == [
        f"{__file__}:{line}" for line in (first, second, second)
    ]
    assert str(caught.value).startswith(f"{__file__}:{first}: accounts/acme/vsis/vsi-1/private_gateway: 10.9.9.9 is")


def test_all_mistakes_come_at_once() -> None:
    """An author mends everything in one go."""
    builder = Builder()
    builder.account("Acme")
    builder.vsi("vsi-1", account="nobody", private_gateway="x")
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert len(caught.value.problems) == 3


def test_a_world_cannot_be_changed_in_place() -> None:
    """A change returns a new world."""
    world = World()
    with pytest.raises(TypeError):
        world.hosts["x"] = None  # type: ignore[index]
