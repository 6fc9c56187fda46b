"""A measured way holds the places where a call's packets were seen, and no place besides."""

from __future__ import annotations

from dataclasses import replace

from lab.measure.capture import Answer, Seen
from lab.measure.observation import Attempt, Observation
from lab.measure.sightings import Sighting
from tests.unit.scripted import LAPTOP, VSI, ScriptedLab, signature
from tests.unit.spoiling import arrival, log_of

EDGE = "backbone"


def served() -> ScriptedLab:
    """Return a lab that serves the VSI, and whose capture sees its packets at both ends."""
    told = ScriptedLab(VSI)
    told.seen.append(arrival(told))
    told.logged = log_of(told, status=200, rule="door.served")
    ends = [
        Seen(point="vsi-1:eth0", count=6, first=0.0, summary="SYN", sender="vsi-1", receiver=EDGE),
        Seen(
            point="private-services:eth0", count=6, first=0.1, summary="SYN", sender=EDGE, receiver="private-services"
        ),
    ]
    told.captured = Answer(seen=ends)
    return told


def places(told: ScriptedLab) -> list[str]:
    """Return the places of the way that is measured."""
    return [hop.place for hop in told.measured().way]


def test_a_served_call_was_seen_from_its_interface_to_its_door() -> None:
    """The nodes between are told by the link addresses of the frames: none is taken from a description."""
    assert places(served()) == ["vsi-1:eth0", EDGE, "private-services", "kms/private/keys"]


def test_between_two_appliances_both_are_seen() -> None:
    """The one that the caller sent to, and the one that the services had it from."""
    told = served()
    first, last = told.captured.seen
    sent = Seen(point=first.point, count=1, first=0.0, summary="SYN", sender="vsi-1", receiver="gateway")
    told.captured = Answer(seen=[sent, last])
    assert places(told)[:3] == ["vsi-1:eth0", "gateway", EDGE]


def test_what_nobody_saw_is_not_in_it() -> None:
    """Without a capture the interface and the edge are not known; what doors and services reported is."""
    told = served()
    told.captured = Answer()
    assert places(told) == ["vsi-1", "private-services", "kms/private/keys"]
    unseen = served()
    unseen.captured = Answer()
    unseen.seen.clear()
    assert places(unseen) == ["vsi-1", "kms/private/keys"]


def test_a_lost_call_ends_where_a_filter_reported_it() -> None:
    """The last place is the filter's node, with its rule; of the way that other packets took nothing stands there."""
    told = ScriptedLab(LAPTOP)
    drop = Sighting(place="internet", rule="internet.no-private-service", flow=told.flow)
    another = Sighting(place=EDGE, rule="edge.no-vrf", flow=replace(told.flow, source_port=9))
    told.seen += [drop, another]
    lost = signature("filter", "drop")
    told.attempt = Attempt(flow=told.flow, since=0, signature=lost, address=told.flow.destination, sighting=drop)
    sent = Seen(point="laptop:eth0", count=1, first=0.0, summary="SYN", sender="laptop", receiver="internet")
    told.captured = Answer(seen=[sent])
    way = told.measured().way
    assert [hop.place for hop in way] == ["laptop:eth0", "internet"]
    assert way[-1].fact.startswith("internet.no-private-service: ")


def test_what_never_left_has_its_caller_alone() -> None:
    """No frame, no report: the way is the host, with what its kernel said."""
    told = ScriptedLab(VSI)
    refused = signature("connect", "ENETUNREACH")
    told.attempt = Attempt(
        flow=None, since=0, signature=refused, address=told.flow.destination, detail="nothing was sent"
    )
    way = told.measured().way
    assert [(hop.place, hop.fact) for hop in way] == [("vsi-1", "nothing was sent")]


def test_of_several_attempts_the_one_that_decided_has_a_way() -> None:
    """What filters reported of an earlier address is evidence, and no place of this way."""
    told = served()
    earlier = replace(told.flow, source_port=39999)
    dropped = Sighting(place="zone-edge", rule="zone.down", flow=earlier)
    told.seen.append(dropped)
    lost = Attempt(
        flow=earlier, since=0, signature=signature("filter", "drop"), address=earlier.destination, sighting=dropped
    )
    observed = told._answer

    def second(*asked: object, **how: object) -> Observation:
        found = observed(*asked, **how)  # type: ignore[arg-type]
        return replace(found, attempts=(lost, *found.attempts)) if found.node == "vsi-1" else found

    told._answer = second  # type: ignore[method-assign]
    measured = told.measured()
    assert not measured.vacuous
    assert "drop" in {seen.kind for seen in measured.evidence}
    assert [hop.place for hop in measured.way] == ["vsi-1:eth0", EDGE, "private-services", "kms/private/keys"]
