"""TKE's service: who is shown an instance's crypto units, whose are left out, and how a master key is loaded, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.model.plane import Plane, Policy
from lab.services import tke
from lab.services.kms import api
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance, PolicyRecord

LOCKED = PolicyRecord(enabled=True, allowed=Policy.PRIVATE_ONLY, created="", created_by="", updated="", updated_by="")
ONE, TWO, THREE = ("11" * 32, "22" * 32, "44" * 32)


def instance(**values: Any) -> Instance:
    """Return an instance of ``acme`` that is not initialised."""
    return Instance(**{"name": "keys", "guid": "g", "crn": "", "account": "acme", "region": "us-south"} | values)


def ask(of: Instance | None, operation: str = tke.LISTED, body: bytes = b"", **how: Any) -> api.Answer:
    """Return the answer to ``acme``'s manager at the private door."""
    told: dict[str, Any] = {"plane": Plane.PRIVATE, "account": "acme", "level": Level.MANAGER, "enforce": True} | how
    return tke.answer(of, operation, body, named="g", **told)


def parts(*texts: str) -> bytes:
    """Return the body that loads a master key of these parts."""
    return json.dumps({"key_parts": texts}).encode()


def units(given: api.Answer) -> list[dict[str, str]]:
    """Return the units of an answer that was served."""
    assert given.reply.status == 200
    found: list[dict[str, str]] = json.loads(given.reply.body)["hsms"]
    return found


def test_units_are_shown_with_an_empty_register_until_the_key_is_loaded() -> None:
    """Then it is valid, and shows the same pattern in every unit; the key is in no answer."""
    made = instance()
    assert [unit["current_master_key"] for unit in units(ask(made))] == ["Empty", "Empty"]
    loaded = ask(made, tke.INITIALISED, parts(ONE, TWO))
    assert made.master == bytes.fromhex("33" * 32)
    for given in (loaded, ask(made)):
        assert {(unit["current_master_key"], unit["verification_pattern"]) for unit in units(given)} == {
            ("Valid", tke.pattern(bytes.fromhex("33" * 32)))
        }
        assert "33" * 8 not in given.reply.body.decode()


def test_three_parts_are_joined_too() -> None:
    """Two or three key custodians."""
    made = instance()
    assert ask(made, tke.INITIALISED, parts(ONE, TWO, THREE)).reply.status == 200
    assert made.master == bytes.fromhex("77" * 32)


@pytest.mark.parametrize(
    "body", [b"", b"[]", parts(), parts(ONE), parts(ONE, "22"), parts(ONE, "zz" * 32), parts(ONE, ONE, ONE, ONE)]
)
def test_anything_but_two_or_three_parts_is_refused_and_changes_nothing(body: bytes) -> None:
    """A part is 32 bytes, in hexadecimal."""
    made = instance()
    assert ask(made, tke.INITIALISED, body).reply.status == 400
    assert made.master is None


def test_a_master_key_is_loaded_once() -> None:
    """A second one would orphan every key."""
    made = instance(master=b"m" * 32)
    given = ask(made, tke.INITIALISED, parts(ONE, TWO))
    assert (given.reply.status, given.rule) == (409, "instance.initialised-already")
    assert made.master == b"m" * 32


def test_under_private_only_the_public_list_is_empty_and_loading_is_refused() -> None:
    """No error on the one side, the common 401 on the other; inside all is as ever."""
    made = instance(policy=LOCKED)
    outside = ask(made, plane=Plane.PUBLIC)
    assert (units(outside), outside.rule) == ([], "policy.private-only")
    refused = ask(made, tke.INITIALISED, parts(ONE, TWO), plane=Plane.PUBLIC)
    assert (refused.reply.status, refused.rule, made.master) == (401, "policy.private-only", None)
    assert len(units(ask(made))) == 2
    assert len(units(ask(made, plane=Plane.PUBLIC, enforce=False))) == 2


@pytest.mark.parametrize("operation", [tke.LISTED, tke.INITIALISED])
@pytest.mark.parametrize(
    "how,rule",
    [
        ({"account": None}, "door.no-token"),
        ({"account": "rival"}, "door.other-account"),
        ({"level": Level.WRITER}, "door.missing-role"),
    ],
)
def test_only_a_manager_of_the_account_is_told_anything(operation: str, how: dict[str, Any], rule: str) -> None:
    """One answer for all the others, on either plane, and nothing is loaded."""
    made = instance()
    given = ask(made, operation, parts(ONE, TWO), **how)
    assert (given.reply.status, given.rule, made.master) == (401, rule, None)
    assert b"hsm_id" not in given.reply.body


def test_an_instance_that_is_not_there_is_refused_and_a_deleted_one_not_found() -> None:
    """Like at every other door."""
    assert ask(None).reply.status == 401
    assert ask(instance(deleted=True, policy=LOCKED), plane=Plane.PUBLIC).reply.status == 404
