"""Plans: deterministic, printable, and different in exactly what a change does."""

from __future__ import annotations

import pytest

from lab import (
    BringZoneBack,
    Builder,
    EnableServiceEndpoints,
    EnableVrf,
    Netlink,
    Provision,
    Reboot,
    SaveRoutes,
    TakeZoneDown,
    catalogue,
)
from lab.describe.changes import difference
from lab.describe.placing import plan
from lab.describe.plan import LAST_METRIC, RETURNS
from lab.model.action import apply
from lab.model.world import World


def world(**parameters: object) -> World:
    """Return the world of ``single_account``."""
    return catalogue.load_topology("single_account", **parameters).world()


def test_the_same_world_gives_the_same_plan() -> None:
    """A plan is a value."""
    assert list(plan(world(vsis=3)).lines()) == list(plan(world(vsis=3)).lines())


def test_every_account_table_and_the_main_table_end_in_unreachable() -> None:
    """Without it a look-up falls through to the main table and finds the way to the services."""
    backbone = plan(world(vsis=2)).node("backbone")
    for table in backbone.tables:
        assert str(table.routes[-1]) == f"unreachable default table {table.number} metric {LAST_METRIC}"
    assert str(backbone.routes[-1]) == f"unreachable default metric {LAST_METRIC}"


@pytest.mark.parametrize("name", [entry.name for entry in catalogue.topologies()])
def test_nothing_leads_out_of_the_lab(name: str) -> None:
    """Every interface of every node is on a link to another node, and on one link only: there is no uplink."""
    made = plan(catalogue.load_topology(name).world())
    assert len({end for link in made.links for end in (link.a, link.b)}) == 2 * len(made.links)
    linked = {end for link in made.links for end in (link.a, link.b)}
    for node in made.nodes:
        for address in node.addresses:
            assert address.interface == "lo" or (node.name, address.interface) in linked


def test_enabling_vrf_moves_the_account_to_a_table_of_its_own() -> None:
    """Only the backbone changes: a table and its routes come, the account's routes among those of all accounts go."""
    before = world(vrf=False)
    change = difference(plan(before), plan(apply(before, EnableVrf(account="acme"))))
    (backbone,) = change.nodes
    assert [str(table) for table in backbone.tables_gained] == ["table 1001 (acme) for a1-1"]
    lost = ["10.65.0.64/26 dev a1-1", f"10.65.0.64/26 dev a1-1 table {RETURNS}"]
    assert [str(route) for route in backbone.routes_lost] == lost
    assert f"unreachable default table 1001 metric {LAST_METRIC}" in [str(route) for route in backbone.routes_gained]
    assert not change.doors


def test_each_account_with_vrf_has_a_number_and_an_address_of_its_own_at_the_edge() -> None:
    """What it sends and what comes back for it bears the number; the services see the address; others have none."""
    builder = Builder()
    for name, vrf in (("acme", True), ("plain", False), ("globex", True)):
        builder.vsi(f"{name}-vsi", account=builder.account(name, vrf=vrf))
    lines = [str(rule) for rule in plan(builder.world()).node("backbone").filters]
    assert [line for line in lines if " mark " in line or " translate " in line] == [
        "prerouting iif {a1-1} mark 1001",
        "prerouting iif {services} to 166.11.0.1/32 mark 1001",
        "prerouting iif {a3-1} mark 1003",
        "prerouting iif {services} to 166.11.0.3/32 mark 1003",
        "postrouting oif {services} translate 1001 to 166.11.0.1",
        "postrouting oif {services} translate 1003 to 166.11.0.3",
    ]


def test_a_move_into_a_table_takes_along_what_is_behind_an_appliance() -> None:
    """Its own subnet first: the routes behind it need its address on a link that is routed."""
    before = catalogue.load_topology("hub_and_spoke", vrf=False, vsis=1).world()
    change = difference(plan(before), plan(apply(before, EnableVrf(account="acme"))))
    (backbone,) = change.nodes
    gained = [route for route in backbone.routes_gained if route.interface == "a1-2"]
    assert [route.gateway is None for route in gained] == [True, False, False]
    assert {str(route.gateway) for route in gained[1:]} == {"10.65.0.130"}


def test_a_closed_appliance_and_a_direct_link_have_a_filter_each_and_open_ones_none() -> None:
    """What the model says of them stands in the plan as a rule under its name, and only then."""

    def named(world: World) -> set[tuple[str, str]]:
        return {(node.name, rule.rule) for node in plan(world).nodes for rule in node.filters}

    def center(**parameters: object) -> World:
        return catalogue.load_topology("data_center", **parameters).world()

    assert ("gateway", "gateway.firewall") not in named(center())
    assert ("gateway", "gateway.firewall") in named(center(permits_services=False))
    assert ("backbone", "edge.direct-link") in named(center())
    assert ("backbone", "edge.direct-link") not in named(world())


def test_enabling_service_endpoints_adds_one_route() -> None:
    """The account's table gets the way to the services, and the filter that named its absence forgets it."""
    before = world(service_endpoints=False)
    change = difference(plan(before), plan(apply(before, EnableServiceEndpoints(account="acme"))))
    (backbone,) = change.nodes
    assert [str(route) for route in backbone.routes_gained] == ["166.8.0.0/14 via 166.8.0.2 dev services table 1001"]
    assert not (backbone.routes_lost)
    assert not (backbone.tables_gained)


def test_a_zone_that_goes_down_is_one_filter_ahead_of_what_lets_pass() -> None:
    """Nothing else changes, and nothing is left of it when the zone comes back."""
    before = world()
    down = apply(before, TakeZoneDown(zone="us-south-2"))
    (backbone,) = difference(plan(before), plan(down)).nodes
    assert backbone.filters is not None
    lines = [str(rule) for rule in backbone.filters]
    (zone,) = set(lines) - {str(rule) for rule in plan(before).node("backbone").filters}
    assert zone == "forward oif {services} to 166.9.14.0/23 drop zone.down"
    assert lines.index(zone) < lines.index("forward oif {services} accept")
    others = (backbone.routes_gained, backbone.routes_lost, backbone.tables_gained)
    assert others == ((), (), ())
    assert plan(apply(down, BringZoneBack(zone="us-south-2"))) == plan(before)


@pytest.mark.parametrize("action", [SaveRoutes(host="vsi-1"), Reboot(host="vsi-1")])
def test_what_happens_in_a_host_changes_no_node_of_the_lab(action: SaveRoutes | Reboot) -> None:
    """A host's table is changed in the host."""
    before = apply(world(), Netlink("vsi-1").route("del", dst="166.9.0.0/16"))
    change = difference(plan(before), plan(apply(before, action)))
    assert (change.nodes, change.doors) == ((), ())


def test_a_first_instance_brings_doors_and_addresses() -> None:
    """What the region shares, its doors, two on each surface, the control instance's, and the region's addresses."""
    before = world(instance=False)
    change = difference(
        plan(before), plan(apply(before, Provision(instance="keys", account="acme", region="us-south")))
    )
    doors = [
        f"{surface}/{plane}/{instance}"
        for instance in ("keys", "acme.control")
        for surface in ("kms", "ep11")
        for plane in ("public", "private")
    ]
    shared = ["broker/public/us-south", "key-protect/public/us-south", "tke/public/us-south", "tke/private/us-south"]
    assert [door.name for door in change.doors] == [*shared, *doors]
    assert {node.node for node in change.nodes} == {"private-services", "public-services"}
