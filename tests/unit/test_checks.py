"""Place and rule belong together: a drop counts only where its rule stands."""

from __future__ import annotations

from ipaddress import IPv4Address

from lab.measure.checks import misplaced
from lab.measure.flow import TCP, Flow
from lab.measure.sightings import Sighting


def test_a_drop_reported_by_another_node_is_not_the_edges() -> None:
    """A caller that drops its own packets does not pass as the provider edge."""
    flow = Flow(
        protocol=TCP,
        source=IPv4Address("10.65.0.66"),
        source_port=1,
        destination=IPv4Address("166.9.12.20"),
        destination_port=9042,
    )
    assert misplaced(Sighting(place="backbone", rule="edge.no-vrf", flow=flow)) == ""
    assert "vsi-1 reports edge.no-vrf" in misplaced(Sighting(place="vsi-1", rule="edge.no-vrf", flow=flow))
    assert "stands on no node" in misplaced(Sighting(place="vsi-1", rule="anything", flow=flow))
