"""The builder's promises: good defaults, and every mistake at once, with its place and what would be right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.describe.builder import Builder
from lab.errors import ModelError
from lab.model.plane import Plane, Policy
from lab.model.world import World


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


def _two_accounts(builder: Builder, **vrf: bool) -> None:
    for name in ("acme", "beta"):
        builder.account(name, **vrf)
        builder.vsi(f"{name}-1", account=name, private_address="10.1.0.2/26")


def _gateway_outside(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("vsi-1", account="acme", private_gateway="10.9.9.9")


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


def _no_policy(builder: Builder) -> None:
    builder.account("acme")
    builder.crypto_instance("keys", account="acme", policy="private")


def _reserved(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("backbone", account="acme")


def _long_interface(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("vsi-1", account="acme", private_interface="a-name-of-sixteen")


def _outside_backbone(builder: Builder) -> None:
    builder.account("acme")
    builder.vsi("vsi-1", account="acme", private_address="192.0.2.5/24")


MISTAKES: dict[str, tuple[Callable[[Builder], None], str]] = {
    "overlap-without-vrf": (
        _two_accounts,
        "accounts/beta/vsis/beta-1/private_address: 10.1.0.0/26 overlaps acme-1 of acme "
        "(without VRF all accounts share one address space)",
    ),
    "gateway-outside": (
        _gateway_outside,
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
    "reserved-name": (
        _reserved,
        "accounts/acme/vsis/backbone: 'backbone' is a node of the lab itself (reserved: backbone, internet, "
        "private-services, public-services, witness-edge, witness-private, witness-public)",
    ),
    "long-interface-name": (
        _long_interface,
        "accounts/acme/vsis/vsi-1/private_interface: 'a-name-of-sixteen' is no interface name: "
        "1 to 15 characters, no blank or slash (such as eth0)",
    ),
    "address-off-the-backbone": (
        _outside_backbone,
        "accounts/acme/vsis/vsi-1/private_address: 192.0.2.5/24 is no host address in 10.0.0.0/8 with its prefix "
        "(such as 10.64.0.2/26)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(mistake: str) -> None:
    """One line: the path of the fault, what is wrong, the nearest valid thing."""
    make, told = MISTAKES[mistake]
    builder = Builder()
    make(builder)
    with pytest.raises(ModelError) as caught:
        builder.world()
    assert str(caught.value) == told


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
