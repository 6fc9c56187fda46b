"""Every guard of a denial on the way can withdraw it: one with all its proof stands, without any of it none does."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab import Call, Outcome, catalogue
from lab.measure.capture import Answer, Seen
from lab.measure.observation import Attempt
from lab.measure.sightings import Sighting
from lab.model.endpoint import kms
from lab.model.plane import Plane, Surface
from tests.unit.scripted import (
    EDGE,
    KEYS,
    LAPTOP,
    VSI,
    ScriptedLab,
    appliance,
    policy,
    refusal,
    siblings,
    signature,
)
from tests.unit.spoiling import Spoil, denied, says, sets


def at_its_own_nic(*more: str) -> Answer:
    """Return a capture that saw the caller's packet leave, and pass at ``more`` points."""
    return Answer(
        seen=[Seen(point=point, count=1, first=0.0, summary="SYN") for point in ("vsi-1:eth0", *more)],
        points=["vsi-1:eth0", "private-services:eth0"],
    )


def lost() -> ScriptedLab:
    """Return a private call that died at the provider edge, with everything that proves it."""
    told = ScriptedLab(VSI)
    dropped = Sighting(place="backbone", rule="edge.no-vrf", flow=told.flow)
    told.attempt = Attempt(
        flow=told.flow,
        since=0,
        signature=signature("filter", "drop"),
        address=told.flow.destination,
        sighting=dropped,
        again=replace(told.flow, source_port=40001),
    )
    told.seen = [dropped]
    told.captured = at_its_own_nic()
    return told


def outside() -> ScriptedLab:
    """Return a private call that died at the internet's edge."""
    told = lost()
    there = Sighting(place="internet", rule="internet.no-private-service", flow=told.flow)
    attempt(sighting=there)(told)
    told.seen = [there]
    return told


def firewalled() -> ScriptedLab:
    """Return a private call that died at the firewall of the appliance in front of its caller."""
    told = lost()
    told.world = appliance()
    there = Sighting(place="gateway", rule="gateway.firewall", flow=told.flow)
    attempt(sighting=there, flow=told.flow, again=replace(told.flow, source_port=40001))(told)
    told.seen = [there]
    return told


def unsent() -> ScriptedLab:
    """Return a call that the host's own kernel did not send."""
    told = ScriptedLab(VSI, refused=errno.ENETUNREACH)
    told.attempt = Attempt(
        flow=None, since=0, signature=signature("connect", "ENETUNREACH"), address=told.flow.destination
    )
    return told


def at_anothers() -> ScriptedLab:
    """Return a call that its kernel did not send to where its variable leads: another instance's public door."""
    address = "https://api.us-south.hs-crypto.cloud.ibm.com:9044"
    told = ScriptedLab(Call.kp("vsi-1", "keys", address=address), world=siblings(), refused=errno.ENETUNREACH)
    told.attempt = Attempt(
        flow=None, since=0, signature=signature("connect", "ENETUNREACH"), address=told.flow.destination
    )
    return told


def locked(instance: str) -> Spoil:
    """Return what has the owner read private-only of one of two instances, and the other's owner refused at a door."""
    read = {"keys": "policy", "archive": "other-policy"}

    def spoil(told: ScriptedLab) -> None:
        says(policy=(200, policy("public-and-private")), other_policy=(200, policy("public-and-private")))(told)
        told.says[read[instance]] = (200, policy("private-only"))
        denied(archive=401)(told)

    return spoil


def nameless() -> ScriptedLab:
    """Return a call whose name was not found, because the query died at the internet's edge."""
    told = outside()
    assert told.attempt is not None
    told.attempt = replace(told.attempt, signature=signature("dns", "timeout"), address=IPv4Address("161.26.0.10"))
    told.resolved = ()
    return told


def attempt(**values: Any) -> Spoil:
    """Return what changes the caller's attempt."""

    def spoil(told: ScriptedLab) -> None:
        assert told.attempt is not None
        told.attempt = replace(told.attempt, **values)

    return spoil


def reported_by_the_caller(told: ScriptedLab) -> None:
    """Have the drop reported by another node than the rule's own."""
    attempt(sighting=Sighting(place="vsi-1", rule="edge.no-vrf", flow=told.flow))(told)


def from_nobody(told: ScriptedLab) -> None:
    """Have the packets bear another node's address."""
    attempt(flow=replace(told.flow, source=IPv4Address("203.0.113.10")))(told)


def arrived(told: ScriptedLab) -> None:
    """Have a door see the packet."""
    told.seen.append(Sighting(place="private-services", rule="door.private", flow=told.flow))


def second_arrived(told: ScriptedLab) -> None:
    """Have a door see the second packet."""
    assert told.attempt is not None
    assert told.attempt.again is not None
    told.seen.append(Sighting(place="private-services", rule="door.private", flow=told.attempt.again))


def sent_on(told: ScriptedLab) -> None:
    """Have a door see the packet as the edge sent it on, which reports that it dropped it."""
    told.sent_on, told.captured = True, at_its_own_nic()
    told.seen.append(Sighting(place="private-services", rule="door.private", flow=told.beyond))


def by_nobody() -> ScriptedLab:
    """Return a call whose next hop nobody answered for: nothing left but questions, and the kernel says so."""
    told = ScriptedLab(VSI, unheard=["10.65.0.65 dev eth0"])
    told.attempt = Attempt(
        flow=told.flow, since=0, signature=signature("connect", "EHOSTUNREACH"), address=told.flow.destination
    )
    told.captured = Answer(points=["vsi-1:eth0", "private-services:eth0"])
    return told


def dead_zone() -> ScriptedLab:
    """Return a call by a client that tries the first address only, whose zone is down."""
    told = lost()
    there = Sighting(place="backbone", rule="zone.down", flow=told.flow)
    attempt(sighting=there)(told)
    told.call, told.seen = VSI.impatient(), [there]
    return told


def beside_another() -> ScriptedLab:
    """Return a call that died at the edge, of a VSI that is not alone in its account."""
    told = lost()
    told.world = catalogue.load_topology("single_account", vsis=2).world()
    return told


SOUND = {
    "next-hop-silent": (by_nobody, Outcome.REJECTED, "host.no-neighbour"),
    "zone-down": (dead_zone, Outcome.TIMED_OUT, "zone.down"),
    "lost-at-the-edge": (lost, Outcome.TIMED_OUT, "edge.no-vrf"),
    "lost-on-the-internet": (outside, Outcome.TIMED_OUT, "internet.no-private-service"),
    "lost-at-an-appliance": (firewalled, Outcome.TIMED_OUT, "gateway.firewall"),
    "never-sent": (unsent, Outcome.NO_ROUTE, "host.no-route"),
    "no-name": (nameless, Outcome.NO_NAME, "internet.no-private-service"),
    "never-sent-to-anothers": (at_anothers, Outcome.NO_ROUTE, "host.no-route"),
}
BLIND = "it is blind"
WAY: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "nobody-saw-it-die": (
        lost,
        attempt(sighting=None, signature=signature("connect", "EHOSTUNREACH")),
        "the place where the packets died was not seen",
    ),
    "another-node-reports": (lost, reported_by_the_caller, "vsi-1 reports edge.no-vrf, which stands on backbone"),
    "kernel-found-its-next-hop": (by_nobody, sets(unheard=[]), "the place where the packets died was not seen"),
    "another-next-hop-is-silent": (
        by_nobody,
        sets(unheard=["10.65.0.66 dev eth0"]),
        "the place where the packets died was not seen",
    ),
    "it-left-all-the-same": (
        by_nobody,
        sets(captured=at_its_own_nic()),
        "the capture saw it leave vsi-1, and no filter says what became",
    ),
    "nobody-passes-to-any-zone": (dead_zone, sets(dead=EDGE), "nobody passes the place that dropped it"),
    "zone-reported-elsewhere": (
        dead_zone,
        attempt(sighting=Sighting(place="internet", rule="zone.down", flow=ScriptedLab(VSI).flow)),
        "internet reports zone.down, which stands on backbone",
    ),
    "refused-elsewhere-and-here-no-route": (
        unsent,
        lambda told: attempt(flow=told.flow)(told),
        "the place where the packets died was not seen",
    ),
    "other-addresses": (
        lost,
        sets(resolved=(IPv4Address("166.9.99.99"),)),
        "led to 166.9.99.99; the addresses of kms/private/keys are 166.9.12.20, 166.9.14.20, 166.9.16.20",
    ),
    "fewer-addresses": (lost, sets(resolved=(IPv4Address("166.9.12.20"),)), "led to 166.9.12.20; the addresses"),
    "another-caller": (lost, from_nobody, "asked from 203.0.113.10, which is no address of vsi-1"),
    "refused-by-the-door": (
        lost,
        attempt(sighting=None, signature=signature("connect", "ECONNREFUSED")),
        "the door itself refuses connections: nobody could have got through",
    ),
    "arrived-at-a-door": (lost, arrived, "arrived at the door although the client saw none of it"),
    "second-arrived-at-a-door": (lost, second_arrived, "arrived at the door although the client saw none of it"),
    "sent-on-and-arrived": (lost, sent_on, "arrived at the door although the client saw none of it"),
    "sent-on-and-captured": (
        lost,
        sets(sent_on=True, captured_beyond=at_its_own_nic("private-services:eth0")),
        "the capture shows its packets beyond the place of the denial, at private-services:eth0",
    ),
    "came-in-at-anothers-port": (
        lost,
        sets(port="a2-1"),
        "what backbone reports came in by a2-1, and vsi-1 is at a1-1",
    ),
    "came-in-at-a-neighbours-port": (
        beside_another,
        sets(port="a1-2"),
        "what backbone reports came in by a1-2, and vsi-1 is at a1-1",
    ),
    "another's-door-refuses-its-owner": (at_anothers, denied(archive=401), "the door answers nobody"),
    "another's-door-is-excused-by-this-policy": (at_anothers, locked("keys"), "the door answers nobody"),
    "captured-beyond": (
        lost,
        sets(captured=at_its_own_nic("private-services:eth0")),
        "the capture shows its packets beyond the place of the denial, at private-services:eth0",
    ),
    "second-captured-beyond": (
        lost,
        sets(captured_again=at_its_own_nic("private-services:eth0")),
        "the capture shows its packets beyond the place of the denial, at private-services:eth0",
    ),
    "frames-lost": (lost, sets(captured=Answer(lost=3)), "3 frames were lost to the capture"),
    "capture-blind-at-the-caller": (lost, sets(captured=Answer()), f"did not see it leave vsi-1: {BLIND}"),
    "capture-blind": (lost, sets(blind="capture"), BLIND),
    "capture-blind-where-nothing-was-sent": (unsent, sets(blind="capture"), f"at the services: {BLIND}"),
    "capture-blind-towards-callers": (lost, sets(blind="eth0"), f"did not see it come to the services: {BLIND}"),
    "doors-blind": (lost, sets(blind="doors"), f"the door did not see it arrive: {BLIND}"),
    "reports-lost": (lost, sets(lost=1), "reports of filters were lost"),
    "witness-cannot-ask": (lost, sets(dead="witness"), "the door answers nobody: no name"),
    "door-refuses-its-owner": (lost, denied(witness=401), "the door answers nobody: witness-private at 166.9.12.20"),
    "uninitialised-and-so-is-the-lab's-own": (
        lost,
        says(witness=(400, refusal("CKR_IBM_WK_NOT_INITIALIZED")), twin=(400, refusal("no"))),
        "the door answers nobody",
    ),
    "edge-passes-nobody": (lost, sets(dead=EDGE), "nobody passes the place that dropped it: no name"),
    "edge-answers-nobody": (lost, sets(mute=EDGE), "nobody passes the place that dropped it: through the same edge"),
    "internet-passes-nobody": (outside, sets(dead="twin"), "nobody passes the place that dropped it: no name"),
    "appliance-passes-nobody": (firewalled, sets(dead="resolver"), "nobody passes the place that dropped it: 161.26."),
    "appliance-and-nobody-beyond": (firewalled, sets(dead=EDGE), "nobody passes the place that dropped it: no name"),
    "appliance-and-capture-blind-beyond": (firewalled, sets(blind="eth0"), f"see it come to the services: {BLIND}"),
    "appliance-not-on-the-way": (firewalled, sets(out="eth1"), "does not ask 161.26.0.10 by its private side: nothing"),
    "resolver-leads-elsewhere": (nameless, sets(dead="two zones"), "resolver 161.26.0.10 leads witness-private else"),
    "resolver-answers-nobody": (nameless, sets(dead="resolver"), "resolver 161.26.0.10 answers nobody"),
}


@pytest.mark.parametrize("case", SOUND)
@pytest.mark.usefixtures("surface")
def test_a_denial_with_all_its_proof_stands(case: str) -> None:
    """The place of death was seen, nothing arrived, every detector sees, and somebody else gets through."""
    made, outcome, cause = SOUND[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (outcome, cause, "")


@pytest.mark.parametrize("case", WAY)
def test_a_denial_on_the_way_without_one_of_its_proofs_is_vacuous(case: str, surface: Surface) -> None:
    """Each proof is asked for: take one away and the denial is withdrawn, and says which."""
    made, spoil, why = WAY[case]
    told = made()
    spoil(told)
    said = told.measured()
    assert why.replace("kms/", f"{surface.value}/") in said.vacuous
    assert said.cause == ""


def test_a_locked_door_of_another_instance_is_excused_by_that_ones_policy() -> None:
    """Where a variable leads to another instance, its owner says whether its public door may refuse."""
    told = at_anothers()
    locked("archive")(told)
    said = told.measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.NO_ROUTE, "host.no-route", "")


def test_a_resolver_that_no_witness_asks_is_not_shown_to_answer() -> None:
    """Whoever has a resolver of his own is not judged by another one's words."""
    told = nameless()
    told.resolver = lambda node: IPv4Address("192.0.2.7" if node == "vsi-1" else "161.26.0.10")  # type: ignore[method-assign,assignment]
    assert "no witness asks the resolver 192.0.2.7" in told.measured().vacuous


def test_a_token_that_dies_at_the_edge_is_tried_through_it() -> None:
    """IAM has a private door too: the witness beyond the edge asks there, not one beside the doors."""
    told = ScriptedLab(Call.token("vsi-1", "keys", Plane.PRIVATE))
    dropped = Sighting(place="backbone", rule="edge.no-vrf", flow=told.flow)
    told.attempt = Attempt(
        flow=told.flow, since=0, signature=signature("filter", "drop"), address=told.flow.destination, sighting=dropped
    )
    told.seen, told.captured = [dropped], at_its_own_nic()
    said = told.measured()
    assert (said.cause, said.vacuous) == ("edge.no-vrf", "")
    assert "witness-edge" in {node for node, _, _ in told.sent}


def test_every_address_that_was_tried_is_asked() -> None:
    """A client that tried three zones is refuted by any of them that answers nobody."""
    told = lost()
    first = told.attempt
    assert first is not None
    zones = kms(KEYS, Plane.PRIVATE).addresses
    attempts = [replace(first, address=zone, flow=replace(told.flow, destination=zone), again=None) for zone in zones]
    told.attempts = tuple(attempts)
    told.seen = [Sighting(place="backbone", rule="edge.no-vrf", flow=one.flow) for one in attempts if one.flow]
    said = told.measured()
    assert not said.vacuous
    answered = [seen.detail for seen in said.evidence if seen.kind == "listener-answered"]
    assert [f"witness-private at {zone}:9042: HTTP 200" for zone in zones] == answered


def from_outside() -> ScriptedLab:
    """Return a laptop's public call that its own kernel did not send, and a door that refuses its owner."""
    told = ScriptedLab(LAPTOP, refused=errno.ENETUNREACH)
    told.attempt = Attempt(
        flow=None, since=0, signature=signature("connect", "ENETUNREACH"), address=told.flow.destination
    )
    denied(witness=401)(told)
    return told


@pytest.mark.parametrize("stands,sound", [("private-only", True), ("public-and-private", False)])
def test_a_public_door_may_refuse_its_owner_under_private_only_alone(stands: str, sound: bool) -> None:
    """Else a door that refuses everybody would pass as one that somebody could have reached."""
    told = from_outside()
    says(policy=(200, policy(stands)))(told)
    said = told.measured()
    assert (said.vacuous == "", said.cause) == (sound, "host.no-route" if sound else "")


def test_the_second_packets_drop_is_evidence_too() -> None:
    """Both packets' reports are shown."""
    told = lost()
    assert told.attempt is not None
    assert told.attempt.again is not None
    told.seen.append(Sighting(place="backbone", rule="edge.no-vrf", flow=told.attempt.again))
    assert [seen.kind for seen in told.measured().evidence].count("drop") == 2


@pytest.mark.parametrize(
    "status,text",
    [(400, "CKR_IBM_WK_NOT_INITIALIZED"), (404, "Instance could not be found")],
    ids=["uninitialised", "deleted"],
)
@pytest.mark.usefixtures("surface")
def test_a_door_whose_instance_serves_nobody_is_shown_by_the_labs_own(status: int, text: str) -> None:
    """The instance's state refuses its owner too; the instance beside it shows that the door serves."""
    told = lost()
    says(witness=(status, refusal(text)))(told)
    assert told.measured().vacuous == ""
