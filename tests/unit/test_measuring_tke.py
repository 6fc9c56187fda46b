"""Every guard of what Trusted Key Entry answers: it can withdraw an empty list, a refusal and a success."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab import Call, Operation, Outcome
from lab.measure import tke
from lab.measure.requests import Credentials
from tests.unit.scripted import (
    UNITS,
    ScriptedLab,
    Spoil,
    arrival,
    denied,
    log_of,
    logs,
    policy,
    refusal,
    says,
    sets,
    two_accounts,
)

OUTSIDE, INSIDE = Call.tke_public("laptop", "keys"), Call.tke_private("vsi-1", "keys")
NOTHING: dict[str, Any] = {"hsms": []}
EMPTY: dict[str, Any] = {"hsms": [{"hsm_id": "1", "current_master_key": "Empty", "verification_pattern": ""}]}
NOT_INITIALISED = (400, refusal("Got error CKR_IBM_WK_NOT_INITIALIZED"))
PART = "11" * 32
Made = Callable[[], ScriptedLab]


def answered(call: Call, status: int, document: Any, *, rule: str, read: tuple[int, Any]) -> ScriptedLab:
    """Return a call that was answered: it arrived, and the log agrees; ``read`` is what the owner reads as policy."""
    told = ScriptedLab(call, says={"caller": (status, document), "policy": read})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=status, rule=rule)
    if document == NOTHING:
        told.logged["decision"] = "deny"
    return told


def left_out(read: tuple[int, Any] = (200, policy("private-only"))) -> ScriptedLab:
    """Return an empty list outside."""
    return answered(OUTSIDE, 200, NOTHING, rule="policy.private-only", read=read)


def left_out_early() -> ScriptedLab:
    """Return an empty list outside, of an instance whose policy nobody reads yet."""
    return left_out(NOT_INITIALISED)


def refused() -> ScriptedLab:
    """Return an initialisation that is refused outside."""
    call = OUTSIDE.to(Operation.INITIALISE)
    return answered(call, 401, refusal("no"), rule="policy.private-only", read=NOT_INITIALISED)


def stranger() -> ScriptedLab:
    """Return the refusal of another account's token."""
    told = answered(OUTSIDE, 401, refusal("no"), rule="door.other-account", read=(200, policy("public-and-private")))
    told.world = two_accounts()
    told.logged = log_of(told, status=401, rule="door.other-account")
    denied(twin=401, private=401)(told)
    says(owner=(200, UNITS), own_twin=(200, UNITS))(told)
    return told


def already() -> ScriptedLab:
    """Return an initialisation of what is initialised."""
    call = INSIDE.to(Operation.INITIALISE)
    read = (200, policy("public-and-private"))
    return answered(call, 409, refusal("not empty"), rule="instance.initialised-already", read=read)


def listed() -> ScriptedLab:
    """Return units that were shown outside."""
    return answered(OUTSIDE, 200, UNITS, rule="door.served", read=(200, policy("public-and-private")))


def initialised(monkeypatch: pytest.MonkeyPatch) -> ScriptedLab:
    """Return an initialisation that was served, of two parts that are alike: their sum is nothing but zeros."""
    monkeypatch.setattr("lab.measure.tke.secrets.token_hex", lambda size: "11" * size)
    pattern = hashlib.sha256(b"\x01" + bytes(32)).digest()[:-4].hex() + "00000000"
    units = {"hsms": [{"hsm_id": "1", "current_master_key": "Valid", "verification_pattern": pattern}]}
    told = answered(INSIDE.to(Operation.INITIALISE), 200, units, rule="door.served", read=NOT_INITIALISED)
    says(private=(200, units))(told)
    return told


SOUND: dict[str, tuple[Made, Outcome, str]] = {
    "left-out": (left_out, Outcome.NOT_LISTED, "tke.left-out"),
    "left-out-before-it-is-initialised": (left_out_early, Outcome.NOT_LISTED, "tke.left-out"),
    "refused": (refused, Outcome.UNAUTHORIZED, "instance.initialise-privately"),
    "stranger": (stranger, Outcome.UNAUTHORIZED, "door.other-account"),
    "already": (already, Outcome.CONFLICT, "instance.initialised-already"),
    "listed": (listed, Outcome.REACHED, "tke.served"),
}
NOT_THE_POLICY = "that is not the policy that the owner reads"
SPOILED: dict[str, tuple[Made, Spoil, str]] = {
    **{
        f"{name}-{what}": (made, spoil, why)
        for name, made in (("left-out", left_out), ("left-out-early", left_out_early), ("refused", refused))
        for what, spoil, why in (
            ("twin-is-left-out-too", says(twin=(200, NOTHING)), ""),
            ("left-out-inside-too", says(private=(200, NOTHING)), ""),
            ("arrived-nowhere", sets(seen=[]), "nothing of it was seen to arrive"),
            ("logged-as-allowed", logs(decision="allow"), "says decision allow"),
            ("logged-under-another-rule", logs(rule="door.missing-role"), "log says door.missing-role"),
            ("policy-is-another", says(policy=(200, policy("public-and-private"))), NOT_THE_POLICY),
            ("policy-was-never-set", says(policy=(200, {"resources": []})), NOT_THE_POLICY),
            ("policy-cannot-be-read", denied(policy=401), NOT_THE_POLICY),
        )
    },
    "already-but-nobody-sees-a-key": (already, says(private=(200, EMPTY)), "no control pair proves"),
    "listed-but-not-to-the-owner": (listed, says(private=(200, NOTHING)), "other crypto units than the owner is shown"),
    "listed-otherwise-than-to-the-owner": (listed, says(private=(200, EMPTY)), "other crypto units"),
    "listed-under-private-only": (
        listed, says(policy=(200, policy("private-only"))), "although the owner reads private-only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_what_is_proved_stands(case: str) -> None:
    """Others are listed at that very door, and the owner reads the policy where anybody can."""
    made, outcome, cause = SOUND[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (outcome, cause, "")


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_not_proved_is_vacuous(case: str) -> None:
    """An empty list alone does not say why it is empty."""
    made, spoil, why = SPOILED[case]
    told = made()
    spoil(told)
    said = told.measured()
    assert said.vacuous
    assert why in said.vacuous
    assert said.cause == ""


def test_an_initialisation_shows_by_the_keys_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """The units hold the key of the parts that were sent, and key management serves the owner."""
    said = initialised(monkeypatch).measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.REACHED, "tke.served", "")


def test_an_initialisation_with_another_key_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that draws a key of its own would lock its owner out of his backups."""
    told = initialised(monkeypatch)
    says(caller=(200, UNITS), private=(200, UNITS))(told)
    assert "do not hold the key whose parts were sent" in told.measured().vacuous


def test_key_parts_are_drawn_anew_for_each_request() -> None:
    """Two initialisations never share a part, nor do the parts of one."""
    asked = [tke.request(Operation.INITIALISE, Credentials(token="", guid="g")) for _ in range(2)]
    parts = [part for request in asked for part in json.loads(request.body)["key_parts"]]
    assert len(set(parts)) == 4
    assert all(len(part) == len(PART) for part in parts)
    assert {request.listing for request in asked} == {"hsms"}
