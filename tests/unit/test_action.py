"""Actions: routes in pyroute2's words, one-way doors, and calls that change the world only if they get through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import (
    Call,
    DeleteInstance,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    Netlink,
    Operation,
    Policy,
    Provision,
    SetPolicy,
    catalogue,
)
from lab.errors import ModelError
from lab.model.action import apply, effect
from lab.model.endpoint import MOST_INSTANCES
from lab.model.world import World


@pytest.fixture
def world() -> World:
    """One account with nothing enabled and no route."""
    return catalogue.load_topology("single_account", vrf=False, private_route=False).world()


def test_a_route_in_pyroute2s_words_finds_its_interface(world: World) -> None:
    """The gateway decides the interface, as in a kernel."""
    after = apply(world, Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65"))
    added = after.hosts["vsi-1"].routes[-1]
    assert (str(added.dst), str(added.gateway), added.interface) == ("166.9.0.0/16", "10.65.0.65", "eth0")
    gone = apply(after, Netlink("vsi-1").route("del", dst="166.9.0.0/16"))
    assert gone.hosts["vsi-1"] == world.hosts["vsi-1"]


NONSENSE = {
    "unknown-host": (Netlink("vsi-9").route("add", dst="166.9.0.0/16"), "did you mean 'vsi-1'"),
    "unknown-command": (Netlink("vsi-1").route("ad", dst="166.9.0.0/16"), "no route command 'ad'.*did you mean 'add'"),
    "unknown-keyword": (Netlink("vsi-1").route("add", dest="x"), "unknown keyword 'dest'.*did you mean 'dst'"),
    "host-bits": (Netlink("vsi-1").route("add", dst="166.9.0.1/16", gateway="10.65.0.65"), "has host bits set"),
    "no-gateway": (Netlink("vsi-1").route("add", dst="166.9.0.0/16"), "needs a gateway or an oif"),
    "gateway-elsewhere": (
        Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.0.0.1"),
        r"10\.0\.0\.1 is in none of the host's subnets.*eth0 10\.65\.0\.64/26 \(gateway 10\.65\.0\.65\)",
    ),
    "own-address": (
        Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.66"),
        "is in none of the host's subnets",
    ),
    "unknown-interface": (
        Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65", oif="eth10"),
        "no interface 'eth10'.*did you mean 'eth1'",
    ),
    "there-already": (
        Netlink("vsi-1").route("add", dst="10.0.0.0/8", gateway="10.65.0.65"),
        "is routed already",
    ),
    "not-there": (Netlink("vsi-1").route("del", dst="166.9.0.0/16"), "no route to 166.9.0.0/16 to delete"),
    "del-by-another-interface": (
        Netlink("vsi-1").route("del", dst="10.0.0.0/8", oif="eth1"),
        "no route to 10.0.0.0/8 to delete",
    ),
    "del-by-no-interface": (Netlink("vsi-1").route("del", dst="10.0.0.0/8", oif="eth9"), "no interface 'eth9'"),
    "own-subnet": (Netlink("vsi-1").route("add", dst="10.65.0.64/26", oif="eth0"), "the subnet of eth0, and routed"),
    "broadcast": (
        Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.127"),
        "is no machine's.*such as 10.65.0.65",
    ),
    "as-it-is": (
        Netlink("vsi-1").route("replace", dst="10.0.0.0/8", gateway="10.65.0.65"),
        "is routed so already.*leave the step out",
    ),
    "no-address": (Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="gw"), "an IPv4 address"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_a_nonsense_route_is_refused_with_what_would_be_right(world: World, case: str) -> None:
    """The message names the host's place and the nearest valid thing."""
    action, told = NONSENSE[case]
    with pytest.raises(ModelError, match=told):
        apply(world, action)


def test_service_endpoints_need_vrf_and_vrf_stays(world: World) -> None:
    """The order of the page holds, nothing switches VRF off, and a switch that is on cannot be turned on."""
    with pytest.raises(ModelError, match="enable VRF first"):
        apply(world, EnableServiceEndpoints(account="acme"))
    after = apply(apply(world, EnableVrf(account="acme")), EnableServiceEndpoints(account="acme"))
    for again in (EnableVrf(account="acme"), EnableServiceEndpoints(account="acme")):
        with pytest.raises(ModelError, match="enabled already.*leave the step out"):
            apply(after, again)


def test_an_instance_is_provisioned_once(world: World) -> None:
    """A taken name is refused; a free one gets ports of its own."""
    with pytest.raises(ModelError, match="this name is taken"):
        apply(world, Provision(instance="keys", account="acme", region="us-south"))
    after = apply(world, Provision(instance="more", account="acme", region="us-south"))
    assert after.instances["more"].number == 2
    assert not after.instances["more"].initialised


def test_what_is_done_already_cannot_be_done(world: World) -> None:
    """Nothing of such a step could be measured; and what is deleted stays so."""
    with pytest.raises(ModelError, match="it is initialised already"):
        apply(world, Initialise(instance="keys"))
    deleted = apply(world, DeleteInstance(instance="keys"))
    for change in (Initialise(instance="keys"), DeleteInstance(instance="keys")):
        with pytest.raises(ModelError, match="it is deleted.*provision another"):
            apply(deleted, change)


def test_a_provisioned_instance_is_named_as_any_other_and_finds_room(world: World) -> None:
    """A control instance's name cannot be had by this way either, nor ports beyond the last."""
    with pytest.raises(ModelError, match=r"instances/acme\.control: 'acme\.control' is no name"):
        apply(world, Provision(instance="acme.control", account="acme", region="us-south"))
    full = world.with_instance(replace(world.instances["keys"], number=MOST_INSTANCES))
    with pytest.raises(ModelError, match=f"a world has ports for {MOST_INSTANCES} instances"):
        apply(full, Provision(instance="more", account="acme", region="us-south"))


def test_the_policy_is_a_call(world: World) -> None:
    """Setting it is a request of somebody to some endpoint, and has its effect when it was served."""
    call = SetPolicy(Policy.PRIVATE_ONLY, by=Call.public("laptop", "keys"))
    assert (call.by, call.operation, call.policy) == ("laptop", Operation.SET_POLICY, Policy.PRIVATE_ONLY)
    assert effect(world, call).instances["keys"].policy is Policy.PRIVATE_ONLY
