"""What withdraws a verdict: a success that arrived at no door of its plane, a log line that contradicts."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import pytest

from lab import Call, Outcome, catalogue
from lab.measure.flow import TCP, Flow
from lab.measure.inquiry import contradiction, corroborated, elsewhere, misplaced
from lab.measure.sightings import Sighting
from lab.model.outcome import Evidence, Measurement

PROVED = Measurement(outcome=Outcome.UNAUTHORIZED, cause="policy.private-only")


def logged(rule: str) -> tuple[Evidence, ...]:
    """Return the evidence of a log line that names ``rule``."""
    return (Evidence(kind="service-log", where="api", detail=f'{{"decision":"deny","rule":"{rule}"}}'),)


def arrived(mark: str) -> tuple[Evidence, ...]:
    """Return the evidence of a connection that arrived beside a door."""
    return (Evidence(kind="arrived", where="services", detail=f"{mark}: 10.0.0.2:1 > 166.9.12.20:9042 tcp"),)


def test_a_log_line_that_names_another_rule_withdraws_the_cause() -> None:
    """Control pairs prove, the log corroborates; where they contradict, nothing is proved."""
    assert corroborated(PROVED, logged("policy.private-only")) == PROVED
    doubted = corroborated(PROVED, logged("door.other-account"))
    assert doubted.cause == ""
    assert "the service's log does not" in doubted.vacuous


def test_without_a_log_line_the_control_pairs_stand() -> None:
    """The service need not speak for a cause to be proved."""
    assert corroborated(PROVED, ()) == PROVED


@pytest.mark.parametrize(
    "evidence,sound",
    [(arrived("door.private"), True), (arrived("door.public"), False), ((), False)],
    ids=["its-own-door", "the-other-door", "no-door"],
)
def test_a_success_must_have_arrived_at_a_door_of_its_plane(evidence: tuple[Evidence, ...], sound: bool) -> None:
    """An answer from elsewhere is no success of this endpoint."""
    assert (elsewhere(Call.private("vsi-1", "keys"), evidence) == "") is sound


def test_a_drop_reported_by_another_node_is_not_the_edges() -> None:
    """Place and rule belong together: a caller that drops its own packets does not pass as the provider edge."""
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


@pytest.mark.parametrize("field", ["plane", "surface", "status", "decision", "rule", "instance"])
def test_a_log_line_that_contradicts_in_any_field_is_noticed(field: str) -> None:
    """The service's own account of a request must be an account of this request."""
    world = catalogue.load_topology("single_account").world()
    line = {
        "plane": "private",
        "surface": "kms",
        "status": 200,
        "decision": "allow",
        "rule": "door.served",
        "instance": world.instances["keys"].guid,
    }

    def told(said: dict[str, object]) -> str:
        evidence = (Evidence(kind="service-log", where="api", detail=json.dumps(said)),)
        return contradiction(world, Call.private("vsi-1", "keys"), 200, evidence)

    assert told({**line}) == ""
    assert told({**line, field: "something else"}).startswith(f"the service's log says {field} something else")
