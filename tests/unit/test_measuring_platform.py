"""Every guard of what the console and the broker answer: it can withdraw a refusal, a success and a loss."""

from __future__ import annotations

import errno
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from lab import Call, Operation, Outcome, Policy, SetPolicy
from lab.errors import ProbeFailed
from lab.measure import platform
from lab.measure.capture import Answer, Seen
from lab.measure.observation import Attempt
from lab.measure.requests import Credentials
from lab.measure.sightings import Sighting
from lab.model.endpoint import kms
from lab.model.plane import Plane, Surface
from tests.unit.scripted import EDGE, KEYS, ScriptedLab, policy, refusal, signature, two_accounts
from tests.unit.spoiling import Spoil, arrival, behind, denied, log_of, logs, proves_nothing, says, sets

UI, DOCUMENT = Call.console("laptop", "keys"), Call.broker("laptop", "keys")
OVERVIEW = UI.to(Operation.GET_INSTANCE)
ENDPOINTS = {
    "instance_id": KEYS.guid,
    "kms": {
        "public": "api.us-south.hs-crypto.cloud.ibm.com:9042",
        "private": "api.private.us-south.hs-crypto.cloud.ibm.com:9042",
    },
    "ep11": {
        "public": "ep11.us-south.hs-crypto.cloud.ibm.com:9043",
        "private": "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043",
    },
}
"""As the product's page shows it."""
CREATED = {"metadata": {"collectionTotal": 1}, "resources": [{"id": "k"}]}
Made = Callable[[], ScriptedLab]


def answered(call: Call, status: int, document: Any, *, rule: str, stands: str = "public-and-private") -> ScriptedLab:
    """Return a call that was answered: it arrived, and both logs agree."""
    told = ScriptedLab(call, says={"caller": (status, document), "policy": (200, policy(stands))})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=status, rule=rule)
    told.behind = behind(told) if call.surface is Surface.CONSOLE else {}
    return told


def on_the_log(**values: object) -> Spoil:
    """Return what changes the log line of the console's own request."""
    return lambda told: told.behind.update(values)


def on_both_logs(**values: object) -> Spoil:
    """Return what changes both log lines."""

    def spoil(told: ScriptedLab) -> None:
        told.logged.update(values)
        told.behind.update(values)

    return spoil


# ------------------------------------------------------------------ refusals
def locked() -> ScriptedLab:
    """Return a listing that the UI shows to be refused under private-only."""
    return answered(UI, 401, refusal("Unauthorized"), rule="policy.private-only", stands="private-only")


def unlocking() -> ScriptedLab:
    """Return an attempt to undo private-only in the UI."""
    call = SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=UI)
    return answered(call, 401, refusal("Unauthorized"), rule="policy.private-only", stands="private-only")


def stranger(call: Call) -> Made:
    """Return what makes the refusal of another account's token."""

    def made() -> ScriptedLab:
        told = answered(call, 401, refusal("Unauthorized"), rule="door.other-account")
        told.world = two_accounts()
        told.logged = log_of(told, status=401, rule="door.other-account")
        told.behind = behind(told) if call.surface is Surface.CONSOLE else {}
        denied(twin=401, private=401)(told)
        says(owner=(200, {}), own_twin=(200, {}))(told)
        return told

    return made


def deleted(call: Call) -> Made:
    """Return what makes the refusal for want of the instance."""

    def made() -> ScriptedLab:
        told = answered(call, 404, refusal("Instance not found"), rule="instance.deleted")
        denied(private=404)(told)
        return told

    return made


def early(call: Call) -> Made:
    """Return what makes the refusal of an instance that is not initialised."""
    text = refusal("not yet", "CKR_IBM_WK_NOT_INITIALIZED")
    return lambda: answered(call, 400, text, rule="instance.not-initialised")


PROVED: dict[str, tuple[Made, str]] = {
    "list": (locked, "policy.not-in-the-ui"),
    "set-policy": (unlocking, "policy.not-in-the-ui"),
    "stranger-in-the-ui": (stranger(UI), "door.other-account"),
    "stranger-at-the-broker": (stranger(DOCUMENT), "door.other-account"),
    "stranger-at-the-overview": (stranger(OVERVIEW), "door.other-account"),
    "deleted-in-the-ui": (deleted(UI), "instance.deleted"),
    "deleted-at-the-broker": (deleted(DOCUMENT), "instance.deleted"),
    "uninitialised": (early(UI), "instance.not-initialised"),
    "policy-before-initialisation": (early(SetPolicy(Policy.PRIVATE_ONLY, by=UI)), "policy.needs-initialised"),
}
APART = "the control pairs do not tell policy, role and request apart"
IN_TURN = "the log of the console's own request says"
REFUSED: dict[str, tuple[Made, Spoil, str]] = {
    "twin-refused-by-the-same-console": (locked, denied(twin=401), APART),
    "private-door-refuses-the-same-token": (locked, denied(private=401), APART),
    "owner-reads-another-policy": (
        locked, says(policy=(200, policy("public-and-private"))), "that is not the policy that the owner reads",
    ),
    "owner-cannot-read": (locked, denied(policy=400), "that is not the policy that the owner reads"),
    "console-asked-nobody": (locked, sets(behind={}), "the console answered, and kms/public/keys logged no request"),
    **{
        f"console-asked-with-another-{name}": (locked, on_the_log(**{name: "another"}), f"{IN_TURN} {name} another")
        for name in ("plane", "surface", "door", "method", "path", "caller", "request_id", "status", "decision",
                     "rule", "instance", "subject")
    },
    "both-logs-name-another-rule": (
        locked, on_both_logs(rule="door.other-account"),
        "control pairs say policy.not-in-the-ui, the service's log says door.other-account",
    ),
    "own-log-contradicts": (locked, logs(door="another"), "the service's log says door another"),
    "arrived-nowhere": (locked, sets(seen=[]), "nothing of it was seen to arrive at a door of the public plane"),
    "stranger-whose-own-is-refused": (stranger(DOCUMENT), denied(own_twin=401), APART),
    "stranger-served-from-elsewhere": (stranger(DOCUMENT), says(private=(200, {})), APART),
    "deleted-and-its-owner-is-told": (
        deleted(DOCUMENT), says(private=(200, {})), "no control pair proves why not-found was answered",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROVED)
def test_a_refusal_with_all_its_proof_stands(case: str) -> None:
    """The twin is served, the private door is open, the console asked as a public client, and the logs agree."""
    made, cause = PROVED[case]
    said = made().measured()
    assert (said.cause, said.vacuous) == (cause, "")


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_without_one_of_its_proofs_is_vacuous(case: str) -> None:
    """Each is asked for: take one away, and the refusal proves nothing."""
    proves_nothing(*REFUSED[case])


def test_the_same_request_is_asked_at_key_managements_own_private_door() -> None:
    """And the twin by the very caller, at the very console; the evidence says so."""
    told = locked()
    pairs = [seen.detail for seen in told.measured().evidence if seen.kind == "control-pair"]
    assert "laptop, same token and request, control instance, public door: served" in pairs
    assert "same token and request, same instance, kms/private: served" in pairs


def test_what_a_control_makes_by_the_console_it_deletes_at_the_instances_door() -> None:
    """The UI of the lab deletes no keys, and nothing may stay."""
    told = locked()
    told.call = UI.to(Operation.CREATE, key="k")
    told.logged = log_of(told, status=401, rule="policy.private-only")
    told.behind = behind(told)
    says(twin=(201, CREATED), private=(201, CREATED))(told)
    assert told.measured().cause == "policy.not-in-the-ui"
    assert [(node, method) for node, _, method in told.sent if method == "DELETE"] == [
        ("laptop", "DELETE"),
        ("witness-private", "DELETE"),
        ("witness-private", "DELETE"),
    ]


# ------------------------------------------------------------------ successes
def shown(call: Call, document: Any, status: int = 200, **more: Any) -> Made:
    """Return what makes a call that was served with a document."""
    return lambda: answered(call, status, document, rule="door.served", **more)


def created() -> ScriptedLab:
    """Return a key that was made in the UI, and is there."""
    told = shown(UI.to(Operation.CREATE, key="k"), CREATED, 201)()
    says(private=(200, CREATED))(told)
    return told


LISTING = {"metadata": {"collectionTotal": 0}, "resources": []}
SERVED: dict[str, tuple[Made, str]] = {
    "list": (shown(UI, LISTING), "policy.public-and-private"),
    "create": (created, "policy.public-and-private"),
    "get-policy": (shown(UI.to(Operation.GET_POLICY), policy("public-and-private")), "policy.public-and-private"),
    "overview": (shown(OVERVIEW, ENDPOINTS), "broker.served"),
    "overview-under-private-only": (shown(OVERVIEW, ENDPOINTS, stands="private-only"), "broker.served"),
    "document": (shown(DOCUMENT, ENDPOINTS), "broker.served"),
    "document-under-private-only": (shown(DOCUMENT, ENDPOINTS, stands="private-only"), "broker.served"),
}


def another(surface: str, plane: str, value: str | None) -> dict[str, Any]:
    """Return a document in which one endpoint is another, or missing."""
    document: dict[str, Any] = deepcopy(ENDPOINTS)
    if value is None:
        del document[surface][plane]
    else:
        document[surface][plane] = value
    return document


SPOILED: dict[str, tuple[Made, Spoil, str]] = {
    "console-asked-nobody": (shown(UI, LISTING), sets(behind={}), "the console answered, and kms/public/keys logged"),
    "console-went-by-the-private-door": (
        shown(UI, LISTING), on_the_log(plane="private", door="kms/private/keys"), f"{IN_TURN} plane private",
    ),
    "console-shows-another-status": (shown(UI, LISTING), on_the_log(status=401), f"{IN_TURN} status 401"),
    "overview-without-the-broker": (
        shown(OVERVIEW, ENDPOINTS), sets(behind={}), "the console answered, and broker/public/us-south logged no",
    ),
    "served-under-private-only": (
        shown(UI, LISTING, stands="private-only"), sets(), "served at the public door although the owner reads",
    ),
    "keys-that-the-owner-is-not-shown": (
        shown(UI, CREATED), says(private=(200, LISTING)), "answered with keys that the owner is not shown",
    ),
    "a-key-that-is-not-there": (created, denied(private=404), "acknowledged, but the key is not there"),
    "another-setting": (
        shown(UI.to(Operation.GET_POLICY), policy("private-only")), sets(),
        "answered with another policy than the owner reads",
    ),
    "another-instance's-document": (
        shown(DOCUMENT, {**ENDPOINTS, "instance_id": "another"}), sets(), "the document says instance_id another",
    ),
    "more-than-there-is": (shown(DOCUMENT, {**ENDPOINTS, "tke": {}}), sets(), "the document says tke {}"),
    **{
        f"{surface}-{plane}-{name}": (
            shown(call, another(surface, plane, value)), sets(), f"the document says {surface} {{",
        )
        for surface in ("kms", "ep11") for plane in ("public", "private")
        for name, value, call in (
            ("missing", None, DOCUMENT), ("of-another", "api.us-south.hs-crypto.cloud.ibm.com:9044", DOCUMENT),
            ("with-a-scheme", "https://api.us-south.hs-crypto.cloud.ibm.com:9042", DOCUMENT),
            ("missing-in-the-overview", None, OVERVIEW),
        )
    },
    "an-endpoint-that-answers-nobody": (
        shown(DOCUMENT, ENDPOINTS), denied(private=401),
        "the document tells api.us-south.hs-crypto.cloud.ibm.com:9042, which answers nobody: HTTP 401",
    ),
    "private-endpoint-refuses-under-private-only": (
        shown(DOCUMENT, ENDPOINTS, stands="private-only"), denied(private=401),
        "the document tells api.private.us-south.hs-crypto.cloud.ibm.com:9042, which answers nobody: HTTP 401",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVED)
def test_a_success_that_shows_stands(case: str) -> None:
    """The owner finds it true; the rule is what he reads as the policy, or that the broker asks none."""
    made, cause = SERVED[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.REACHED, cause, "")


@pytest.mark.parametrize("case", SPOILED)
def test_a_success_that_does_not_show_is_vacuous(case: str) -> None:
    """An answer alone is no measurement: neither the console's nor the broker's."""
    proves_nothing(*SPOILED[case])


# ------------------------------------------------------------------ denials on the way
def unsent(call: Call) -> ScriptedLab:
    """Return a call that the host's own kernel did not send."""
    told = ScriptedLab(call, refused=errno.ENETUNREACH)
    unreachable, address = signature("connect", "ENETUNREACH"), told.flow.destination
    told.attempt = Attempt(flow=None, since=0, signature=unreachable, address=address)
    return told


def unrouted(call: Call) -> ScriptedLab:
    """Return a VSI's call that the provider edge refused: the private network carries nothing public."""
    told = ScriptedLab(call)
    there = Sighting(place="backbone", rule="edge.unroutable", flow=told.flow)
    rejected, flow = signature("connect", "EHOSTUNREACH"), told.flow
    told.attempt = Attempt(flow=flow, since=0, signature=rejected, address=flow.destination, sighting=there)
    told.seen = [there]
    told.captured = Answer(seen=[Seen(point="vsi-1:eth1", count=1, first=0.0, summary="SYN")])
    return told


ASKED = {"console": UI, "overview": OVERVIEW, "broker": DOCUMENT}


@pytest.mark.parametrize("what", ASKED)
def test_a_call_that_was_not_sent_is_proved_by_a_door_that_answers_its_owner(what: str) -> None:
    """A witness beside the same door, with the owner's token; one that is refused withdraws it."""
    told = unsent(ASKED[what])
    assert (told.measured().cause, told.measured().vacuous) == ("host.no-route", "")
    refused = unsent(ASKED[what])
    denied(witness=401)(refused)
    assert "the door answers nobody: witness-public at 192.0.2." in refused.measured().vacuous


@pytest.mark.parametrize("what", ASKED)
def test_somebody_else_passes_the_edge_to_the_private_door(what: str) -> None:
    """Shared doors have none behind the provider edge, so key management's is asked; one that nobody passes is none."""
    call = ASKED[what]
    told = unrouted(Call(by="vsi-1", instance="keys", plane=call.plane, surface=call.surface, operation=call.operation))
    said = told.measured()
    assert (said.cause, said.vacuous) == ("edge.unroutable", "")
    passed = [seen.where for seen in said.evidence if seen.kind == "control-pair"]
    assert passed == [kms(KEYS, Plane.PRIVATE).names[0]]
    told.dead = EDGE
    assert "nobody passes the place that dropped it" in told.measured().vacuous


def test_the_console_is_asked_for_nothing_that_it_has_not() -> None:
    """Its items are few; a question that it cannot be asked is trouble, no verdict."""
    with pytest.raises(ProbeFailed, match="wrap is no operation of the console"):
        platform.request(Surface.CONSOLE, Operation.WRAP, Credentials(token="", guid=""))
