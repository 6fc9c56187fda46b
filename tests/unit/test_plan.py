"""Plans: deterministic, printable, and different in exactly what a change does."""

from __future__ import annotations

from lab import EnableServiceEndpoints, EnableVrf, Provision, catalogue
from lab.describe.changes import difference
from lab.describe.placing import plan
from lab.describe.plan import LAST_METRIC
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
    assert str(backbone.routes[-1]) == f"unreachable default table 254 metric {LAST_METRIC}"


def test_nothing_leads_out_of_the_lab() -> None:
    """Every interface of every node is on a link to another node: there is no uplink."""
    made = plan(world(vsis=2))
    linked = {end for link in made.links for end in (link.a, link.b)}
    for node in made.nodes:
        for address in node.addresses:
            assert address.interface == "lo" or (node.name, address.interface) in linked


def test_enabling_vrf_moves_the_account_to_a_table_of_its_own() -> None:
    """Only the backbone changes: a table and its routes come, the account's routes in main go."""
    before = world(vrf=False)
    change = difference(plan(before), plan(apply(before, EnableVrf(account="acme"))))
    (backbone,) = change.nodes
    assert [str(table) for table in backbone.tables_gained] == ["table 1001 (acme) for a1-1"]
    assert [str(route) for route in backbone.routes_lost] == ["10.65.0.64/26 dev a1-1 table 254"]
    assert f"unreachable default table 1001 metric {LAST_METRIC}" in [str(route) for route in backbone.routes_gained]
    assert not change.doors


def test_enabling_service_endpoints_adds_one_route() -> None:
    """The account's table gets the way to the services, and the filter that named its absence forgets it."""
    before = world(service_endpoints=False)
    change = difference(plan(before), plan(apply(before, EnableServiceEndpoints(account="acme"))))
    (backbone,) = change.nodes
    assert [str(route) for route in backbone.routes_gained] == ["166.8.0.0/14 via 166.8.0.2 dev services table 1001"]
    assert not (backbone.routes_lost)
    assert not (backbone.tables_gained)
    assert not (backbone.tables_lost)


def test_a_first_instance_brings_doors_and_addresses() -> None:
    """Its doors, two on each surface, those of the control instance, and the services' addresses in the region."""
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
    assert [door.name for door in change.doors] == doors
    assert {node.node for node in change.nodes} == {"private-services", "public-services"}
