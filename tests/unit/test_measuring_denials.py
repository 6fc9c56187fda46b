"""Every guard of a denial can withdraw it: one with all its proof stands, and without any one of them it is vacuous."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab import Outcome
from lab.measure.capture import Answer, Seen
from lab.measure.probe import Attempt
from lab.measure.sightings import Sighting
from tests.unit.scripted import KEYS, LAPTOP, VSI, ScriptedLab, Spoil, logs, refusal, sets, signature


# ------------------------------------------------------------------ denials on the way
def lost() -> ScriptedLab:
    """Return a private call that died at the provider edge, with everything that proves it."""
    told = ScriptedLab(VSI)
    dropped = Sighting(place="backbone", rule="edge.no-vrf", flow=told.flow)
    told.attempt = Attempt(flow=told.flow, since=0, signature=signature("filter", "drop"), sighting=dropped)
    told.seen = [dropped]
    told.captured = Answer(
        seen=[Seen(point="vsi-1:eth0", count=1, first=0.0, summary="SYN")],
        points=["vsi-1:eth0", "private-services:eth0"],
    )
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


def to_nobodys_address(told: ScriptedLab) -> None:
    """Have the name lead elsewhere."""
    attempt(flow=replace(told.flow, destination=IPv4Address("166.9.99.99")))(told)


def arrived(told: ScriptedLab) -> None:
    """Have a door see the packet."""
    told.seen.append(Sighting(place="private-services", rule="door.private", flow=told.flow))


WAY: dict[str, tuple[Spoil, str]] = {
    "nobody-saw-it-die": (
        attempt(sighting=None, signature=signature("connect", "EHOSTUNREACH")),
        "the place where the packets died was not seen",
    ),
    "another-node-reports": (reported_by_the_caller, "vsi-1 reports edge.no-vrf, which stands on backbone"),
    "another-address": (to_nobodys_address, "led to 166.9.99.99, which is no address of kms/private/keys"),
    "refused-by-the-door": (
        attempt(sighting=None, signature=signature("connect", "ECONNREFUSED")),
        "the door itself refuses connections: nobody could have got through",
    ),
    "arrived-at-a-door": (arrived, "arrived at the door although the client saw none of it"),
    "captured-beyond": (
        sets(captured=Answer(seen=[Seen(point="private-services:eth0", count=1, first=0.0, summary="SYN")])),
        "the capture shows its packets beyond the place of the denial, at private-services:eth0",
    ),
    "frames-lost": (sets(captured=Answer(lost=3)), "3 frames were lost to the capture"),
    "reports-lost": (sets(lost=1), "reports of filters were lost"),
    "witness-cannot-ask": (sets(dead="no name"), "the door answers nobody: witness-private: no name"),
}


def test_a_denial_with_all_its_proof_stands() -> None:
    """The place of death was seen, nothing arrived, the capture agrees, and the door answers a witness."""
    said = lost().measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.TIMED_OUT, "edge.no-vrf", "")


@pytest.mark.parametrize("case", WAY)
def test_a_denial_on_the_way_without_one_of_its_proofs_is_vacuous(case: str) -> None:
    """Each proof is asked for: take one away and the denial is withdrawn, and says which."""
    spoil, why = WAY[case]
    told = lost()
    spoil(told)
    assert why in told.measured().vacuous


# ------------------------------------------------------------------ refusals at a door
def refused(status: int, text: str, *, code: str = "", rule: str = "policy.private-only") -> ScriptedLab:
    """Return the laptop's refusal at the public door, all control pairs served; the log agrees."""
    told = ScriptedLab(LAPTOP, by_caller=(status, refusal(text, code)))
    told.logged = {
        "plane": "public",
        "surface": "kms",
        "status": status,
        "decision": "deny",
        "rule": rule,
        "instance": KEYS.guid,
    }
    return told


def denied(**who: int) -> Spoil:
    """Return what has witnesses refused."""
    return lambda told: told.by_witness.update({name: (status, refusal("no")) for name, status in who.items()})


def private_only() -> ScriptedLab:
    """Return a refusal by the policy."""
    return refused(401, "Unauthorized")


def not_initialised() -> ScriptedLab:
    """Return a refusal by an instance without a master key."""
    return refused(400, "not yet", code="CKR_IBM_WK_NOT_INITIALIZED", rule="instance.not-initialised")


def unknown_key() -> ScriptedLab:
    """Return a refusal for want of the key."""
    return refused(404, "no key", code="KEY_NOT_FOUND_ERR", rule="key.unknown")


def deleted() -> ScriptedLab:
    """Return a refusal for want of the instance."""
    told = refused(404, "Instance not found", rule="instance.deleted")
    denied(private=404)(told)
    return told


PROVED: dict[str, Callable[[], ScriptedLab]] = {
    "policy.private-only": private_only,
    "instance.not-initialised": not_initialised,
    "key.unknown": unknown_key,
    "instance.deleted": deleted,
}
UNPROVED = "no control pair proves why"
APART = "the control pairs do not tell policy, role and request apart"
DOOR: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "policy-twin-refused": (private_only, denied(twin=401), APART),
    "policy-private-door-refuses": (private_only, denied(private=401), APART),
    "policy-log-names-another-rule": (private_only, logs(rule="door.other-account"), "the service's log does not"),
    "policy-log-contradicts": (private_only, logs(plane="private"), "the service's log says plane private"),
    "initialised-text-missing": (lambda: refused(400, "bad", rule="instance.not-initialised"), sets(), UNPROVED),
    "initialised-twin-refused": (not_initialised, denied(twin=400), UNPROVED),
    "key-private-door-refuses": (unknown_key, denied(private=404), UNPROVED),
    "key-code-missing": (lambda: refused(404, "gone", rule="key.unknown"), sets(), UNPROVED),
    "deleted-twin-refused": (deleted, denied(twin=404), UNPROVED),
    "deleted-owner-served": (deleted, lambda told: told.by_witness.clear(), UNPROVED),
}


@pytest.mark.parametrize("cause", PROVED)
def test_a_refusal_with_its_control_pairs_has_its_cause(cause: str) -> None:
    """Who else is served with what differs tells the cause."""
    said = PROVED[cause]().measured()
    assert (said.cause, said.vacuous) == (cause, "")


@pytest.mark.parametrize("case", DOOR)
def test_a_refusal_without_one_of_its_pairs_is_vacuous(case: str) -> None:
    """Each half of each pair counts, and so does the log: take one away and the cause is withdrawn."""
    made, spoil, why = DOOR[case]
    told = made()
    spoil(told)
    said = told.measured()
    assert why in said.vacuous
    assert said.cause == ""
