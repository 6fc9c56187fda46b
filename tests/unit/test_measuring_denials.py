"""Every guard of a denial can withdraw it: one with all its proof stands, and without any one of them it is vacuous."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab import Operation, Outcome
from lab.describe.placing import control
from lab.errors import ProbeFailed
from lab.measure.capture import Answer, Seen
from lab.measure.observation import Attempt
from lab.measure.sightings import Sighting
from lab.model.endpoint import kms
from lab.model.plane import Plane, Surface
from tests.unit.scripted import (
    EDGE,
    EP11_LAPTOP,
    EP11_VSI,
    KEYS,
    LAPTOP,
    VSI,
    ScriptedLab,
    Spoil,
    appliance,
    arrival,
    denied,
    log_of,
    logs,
    policy,
    refusal,
    says,
    sets,
    signature,
    two_accounts,
)

CALLS = {Surface.KMS: (VSI, LAPTOP), Surface.EP11: (EP11_VSI, EP11_LAPTOP)}


@pytest.fixture(params=CALLS, ids=lambda surface: surface.value)
def surface(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Surface:
    """Have the labs below made with calls to this surface."""
    asked: Surface = request.param
    for name, call in zip(("VSI", "LAPTOP"), CALLS[asked], strict=True):
        monkeypatch.setitem(globals(), name, call)
    return asked


# ------------------------------------------------------------------ denials on the way
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


SOUND = {
    "next-hop-silent": (by_nobody, Outcome.REJECTED, "host.no-neighbour"),
    "zone-down": (dead_zone, Outcome.TIMED_OUT, "zone.down"),
    "lost-at-the-edge": (lost, Outcome.TIMED_OUT, "edge.no-vrf"),
    "lost-on-the-internet": (outside, Outcome.TIMED_OUT, "internet.no-private-service"),
    "lost-at-an-appliance": (firewalled, Outcome.TIMED_OUT, "gateway.firewall"),
    "never-sent": (unsent, Outcome.NO_ROUTE, "host.no-route"),
    "no-name": (nameless, Outcome.NO_NAME, "internet.no-private-service"),
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
    assert why.replace("kms/", f"{surface.value}/") in told.measured().vacuous


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
    assert (said.vacuous == "") is sound
    assert said.cause == "host.no-route"


def test_the_second_packets_drop_is_evidence_too() -> None:
    """Both packets' reports are shown."""
    told = lost()
    assert told.attempt is not None
    assert told.attempt.again is not None
    told.seen.append(Sighting(place="backbone", rule="edge.no-vrf", flow=told.attempt.again))
    assert [seen.kind for seen in told.measured().evidence].count("drop") == 2


def test_a_control_that_leaves_its_key_is_trouble() -> None:
    """A control changes nothing that lasts, or says so."""
    told = private_only()
    told.call = told.call.to(Operation.CREATE, key="k")
    told.logged = log_of(told, status=401, rule="policy.private-only")
    says(twin=(201, {"resources": [{"id": "c"}]}))(told)
    told.stays = True
    with pytest.raises(ProbeFailed, match="a control's key stays in the instance"):
        told.measured()


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


# ------------------------------------------------------------------ refusals at a door
def refused(status: int, text: str, *, code: str = "", rule: str, stands: str = "public-and-private") -> ScriptedLab:
    """Return the laptop's refusal at the public door, all control pairs served; it arrived, and the log agrees."""
    told = ScriptedLab(LAPTOP, says={"caller": (status, refusal(text, code)), "policy": (200, policy(stands))})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=status, rule=rule)
    return told


def private_only() -> ScriptedLab:
    """Return a refusal by the policy."""
    return refused(401, "Unauthorized", rule="policy.private-only", stands="private-only")


def not_initialised() -> ScriptedLab:
    """Return a refusal by an instance without a master key."""
    return refused(400, "not yet", code="CKR_IBM_WK_NOT_INITIALIZED", rule="instance.not-initialised")


def private_only_early() -> ScriptedLab:
    """Return a refusal by the policy of an instance that cannot say it yet: inside it gets past the door."""
    told = private_only()
    early = (400, refusal("not yet", "CKR_IBM_WK_NOT_INITIALIZED"))
    says(policy=early, private=early)(told)
    return told


def unknown_key() -> ScriptedLab:
    """Return a refusal for want of the key."""
    return refused(404, "no key", code="KEY_NOT_FOUND_ERR", rule="key.unknown")


def deleted_key() -> ScriptedLab:
    """Return a refusal because the key is deleted."""
    return refused(410, "gone", code="KEY_DELETED_ERR", rule="key.state")


def deleted() -> ScriptedLab:
    """Return a refusal for want of the instance."""
    told = refused(404, "Instance not found", rule="instance.deleted")
    denied(private=404)(told)
    return told


def stranger() -> ScriptedLab:
    """Return the refusal of another account's token."""
    told = ScriptedLab(LAPTOP, world=two_accounts(), says={"caller": (401, refusal("Unauthorized"))})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=401, rule="door.other-account")
    denied(twin=401, private=401)(told)
    says(owner=(200, {}), own_twin=(200, {}))(told)
    return told


PROVED: dict[str, Callable[[], ScriptedLab]] = {
    "policy.private-only": private_only,
    "instance.not-initialised": not_initialised,
    "key.unknown": unknown_key,
    "key.deleted": deleted_key,
    "instance.deleted": deleted,
    "door.other-account": stranger,
}
UNPROVED = "no control pair proves why"
APART = "the control pairs do not tell policy, role and request apart"
DOOR: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "policy-twin-refused": (private_only, denied(twin=401), APART),
    "policy-private-door-refuses": (private_only, denied(private=401), APART),
    "policy-owner-reads-another": (
        private_only,
        says(policy=(200, policy("public-and-private"))),
        "that is not the policy that the owner reads",
    ),
    "policy-switched-off": (
        private_only,
        says(policy=(200, policy("private-only", enabled=False))),
        "that is not the policy that the owner reads",
    ),
    "policy-owner-cannot-read": (private_only, denied(policy=400), "that is not the policy that the owner reads"),
    "policy-log-names-another-rule": (private_only, logs(rule="door.other-account"), "the service's log says door."),
    "policy-log-contradicts": (private_only, logs(plane="private"), "the service's log says plane private"),
    "policy-arrived-nowhere": (private_only, sets(seen=[]), "nothing of it was seen to arrive at a door"),
    "policy-another-caller": (private_only, sets(source=IPv4Address("203.0.113.99")), "is no address of laptop"),
    "policy-early-twin-refused": (private_only_early, denied(twin=401), APART),
    "policy-early-refused-inside-too": (private_only_early, denied(private=401), APART),
    "initialised-text-missing": (
        lambda: refused(400, "bad", rule="instance.not-initialised"),
        sets(),
        UNPROVED,
    ),
    "initialised-twin-refused": (not_initialised, denied(twin=400), UNPROVED),
    "key-private-door-refuses": (unknown_key, denied(private=404), UNPROVED),
    "key-twin-refused": (unknown_key, denied(twin=404), UNPROVED),
    "deleted-key-twin-refused": (deleted_key, denied(twin=410), UNPROVED),
    "key-code-missing": (lambda: refused(404, "gone", rule="key.unknown"), sets(), UNPROVED),
    "deleted-key-private-door-refuses": (deleted_key, denied(private=404), UNPROVED),
    "deleted-twin-refused": (deleted, denied(twin=404), UNPROVED),
    "deleted-owner-served": (deleted, lambda told: told.says.pop("private"), UNPROVED),
    "stranger-served-inside": (stranger, says(private=(200, {})), APART),
    "stranger-owner-refused": (stranger, denied(owner=401), APART),
    "stranger-token-good-for-nothing": (stranger, denied(own_twin=401), APART),
}


@pytest.mark.usefixtures("surface")
def test_a_policy_that_nobody_reads_yet_is_a_cause_where_the_instance_lets_in_inside() -> None:
    """Of an instance that is not initialised the same token gets past the private door, and no further."""
    said = private_only_early().measured()
    assert (said.cause.startswith("policy."), said.vacuous) == (True, "")


def test_the_caller_itself_asks_the_control_instances() -> None:
    """A control pair differs from the refused call in the instance alone: same node, token, plane and operation."""
    for made in (private_only, stranger):
        told = made()
        told.measured()
        caller = told.world.hosts[told.call.by]
        twins = {control(told.world, name).guid for name in (caller.account, "acme")}
        asked = [(node, method) for node, guid, method in told.sent if guid in twins]
        assert asked == [(caller.name, "GET")] * len(twins)


@pytest.mark.parametrize(
    "operation,method", [(Operation.GET, "GET"), (Operation.WRAP, "POST"), (Operation.DELETE, "DELETE")]
)
def test_a_control_asks_for_the_refused_operation(operation: Operation, method: str) -> None:
    """That a key can be made says nothing of reading, using and deleting one."""
    told = private_only()
    told.call = told.call.to(operation, key="k")
    told.logged = log_of(told, status=401, rule="policy.private-only")
    key = (201, {"resources": [{"id": "c"}], "ciphertext": "c2VhbGVk"})
    says(twin=key, private=key)(told)
    said = told.measured()
    assert (said.cause, said.vacuous) == ("policy.private-only", "")
    twin = control(told.world, "acme").guid
    asked = [sent for node, guid, sent in told.sent if guid == twin]
    assert asked == ["POST", *[method] * (operation is not Operation.DELETE), "DELETE"]


def asked_of(cases: Iterable[str]) -> list[Any]:
    """Return each case with each surface that can have it: EP11 keeps no keys, and says what is wrong by a code."""
    both = [(case, surface) for surface in CALLS for case in cases]
    fit = (pair for pair in both if pair[1] is Surface.KMS or not ("key" in pair[0] or "text-missing" in pair[0]))
    return [pytest.param(*pair, id=f"{pair[0]}-{pair[1].value}") for pair in fit]


@pytest.mark.parametrize("cause,surface", asked_of(PROVED), indirect=["surface"])
def test_a_refusal_with_its_control_pairs_has_its_cause(cause: str, surface: Surface) -> None:
    """Who else is served with what differs tells the cause."""
    said = PROVED[cause]().measured()
    both = surface is Surface.EP11 and cause == "policy.private-only"
    assert (said.cause, said.vacuous) == ("policy.both-apis" if both else cause, "")


@pytest.mark.parametrize("case,surface", asked_of(DOOR), indirect=["surface"])
@pytest.mark.usefixtures("surface")
def test_a_refusal_without_one_of_its_proofs_is_vacuous(case: str) -> None:
    """Each half of each pair counts, and so do arrival and log: take one away and the cause is withdrawn."""
    made, spoil, why = DOOR[case]
    told = made()
    spoil(told)
    said = told.measured()
    assert why in said.vacuous
    assert said.cause == ""


# ------------------------------------------------------------------ keys in the client's hands
@pytest.mark.parametrize("operation", [Operation.ENCRYPT, Operation.DECRYPT])
@pytest.mark.parametrize("sealed_by", ["another", ""])
@pytest.mark.parametrize("again", [200, 400])
def test_a_foreign_key_is_refused_because_another_instances_blob_is_in_it(
    operation: Operation, sealed_by: str, again: int
) -> None:
    """The caller's own call with a key that this instance sealed must be served; else nothing tells what was wrong."""
    told = ScriptedLab(EP11_VSI.to(operation, key="k"), sealed_by=sealed_by)
    told.wrapped = {} if sealed_by else None
    if again != 200:
        denied(again=again)(told)
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=400, rule="key.foreign-blob")
    says(caller=(400, refusal("no such BLOB")))(told)
    said = told.measured()
    assert (said.outcome, said.cause) == (Outcome.BAD_REQUEST, "key.foreign-blob" if again == 200 else "")
    assert (UNPROVED in said.vacuous) is (again != 200)
