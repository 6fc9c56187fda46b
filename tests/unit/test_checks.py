"""Place and rule belong together: a drop counts only where its rule stands."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from lab import catalogue
from lab.measure.checks import misplaced
from lab.measure.flow import TCP, Flow
from lab.measure.sightings import Sighting
from lab.model.world import Host


def test_a_drop_reported_by_another_node_is_not_the_edges() -> None:
    """A caller that drops its own packets does not pass as the provider edge."""
    flow = Flow(
        protocol=TCP,
        source=IPv4Address("10.65.0.66"),
        source_port=1,
        destination=IPv4Address("166.9.12.20"),
        destination_port=9042,
    )
    vsi = catalogue.load_topology("single_account").world().hosts["vsi-1"]
    inner = replace(vsi, behind="gateway")

    def said(host: Host, place: str, rule: str) -> str:
        return misplaced(host, Sighting(place=place, rule=rule, flow=flow))

    assert said(vsi, "backbone", "edge.no-vrf") == ""
    assert "vsi-1 reports edge.no-vrf" in said(vsi, "vsi-1", "edge.no-vrf")
    assert "stands on no node" in said(vsi, "vsi-1", "anything")
    assert said(inner, "gateway", "gateway.firewall") == ""
    assert "which stands on gateway" in said(inner, "other-gateway", "gateway.firewall")
    assert "which stands on no node" in said(vsi, "gateway", "gateway.firewall")
