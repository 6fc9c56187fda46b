"""Every guard of a success can withdraw it: an answer alone, or an acknowledgement alone, is no measurement."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, cast

import pytest

from lab import Call, Operation, Outcome, Policy
from lab.errors import ProbeFailed
from lab.measure.places import Places
from lab.measure.readback import ReadBack
from lab.measure.sightings import Sighting
from lab.model.action import DeleteInstance, Initialise, OfInstance, Provision, RestoreInstance
from lab.model.addresses import translated
from lab.model.endpoint import doors_of, kms
from lab.model.outcome import Evidence
from lab.model.plane import Plane
from tests.unit.scripted import KEYS, LAPTOP, LISTING, VSI, WORLD, ScriptedLab, jwt, policy, refusal, two_accounts
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, says, sets


# ------------------------------------------------------------------ calls
def served(operation: Operation = Operation.LIST, *, status: int = 200, document: Any = LISTING) -> ScriptedLab:
    """Return a private call that was served: it arrived at its door, and the log agrees."""
    told = ScriptedLab(replace(VSI.to(operation), key="k"), says={"caller": (status, document)})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=status, rule="door.served")
    return told


def on_a_key(operation: Operation, *, status: int = 200, document: Any) -> ScriptedLab:
    """Return a call that was served, about a key that a step created."""
    told = served(operation, status=status, document=document)
    told.wrapped = {}
    told.logged = log_of(told, status=status, rule="door.served")
    return told


def public() -> ScriptedLab:
    """Return a public call that was served."""
    told = ScriptedLab(LAPTOP)
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=200, rule="door.served")
    return told


def locking() -> ScriptedLab:
    """Return an acknowledged change of the policy that the private door confirms."""
    told = served(Operation.SET_POLICY, status=204)
    told.call = replace(told.call, policy=Policy.PRIVATE_ONLY)
    says(policy=(200, policy("private-only")))(told)
    return told


def reading() -> ScriptedLab:
    """Return a reading of the policy that agrees with the owner's."""
    told = served(Operation.GET_POLICY, document=policy("private-only"))
    says(policy=(200, policy("private-only")))(told)
    return told


def listing() -> ScriptedLab:
    """Return a listing that holds the key that a step created."""
    listed = {"metadata": {"collectionTotal": 1}, "resources": [{"id": "k"}]}
    told = on_a_key(Operation.LIST, document=listed)
    says(private=(200, listed))(told)
    return told


def creating() -> ScriptedLab:
    """Return an acknowledged creation of a key that the private door confirms."""
    told = served(Operation.CREATE, status=201, document={"resources": [{"id": "k"}]})
    says(private=(200, {"resources": [{"id": "k"}]}))(told)
    return told


def deleting() -> ScriptedLab:
    """Return an acknowledged deletion of a key that the private door confirms."""
    told = on_a_key(Operation.DELETE, status=204, document={})
    says(private=(410, refusal("deleted")))(told)
    return told


def stranger(told: ScriptedLab) -> None:
    """Have another node's packets arrive."""
    told.source = IPv4Address("203.0.113.10")
    told.seen = [arrival(told)]


SOUND: dict[str, tuple[Callable[[], ScriptedLab], str]] = {
    "served": (served, "policy.default"),
    "listing": (listing, "policy.default"),
    "public": (public, "policy.default"),
    "locking": (locking, "policy.private-endpoint-served"),
    "reading": (reading, "policy.private-endpoint-served"),
    "creating": (creating, "policy.default"),
    "deleting": (deleting, "policy.default"),
}
SERVED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "arrived-nowhere": (served, sets(seen=[]), "answered, but nothing of it was seen to arrive"),
    "another-caller": (served, sets(source=IPv4Address("198.18.0.10")), "answered, but nothing of it was seen"),
    "a-stranger": (
        served,
        stranger,
        "asked from 203.0.113.10, which is no address of vsi-1",
    ),
    "as-another-account": (
        served,
        sets(edge_says=translated(2)),
        "tcp on from 166.11.0.2; that of acme is 166.11.0.1",
    ),
    "by-an-edge-that-knows-nothing-of-it": (
        served,
        sets(edge_says=None),
        "tcp on from 166.11.0.1, the address of acme at the services",
    ),
    "other-addresses": (served, sets(resolved=(IPv4Address("166.9.14.20"),)), "led to 166.9.14.20; the addresses"),
    "reversed-addresses": (
        served,
        sets(resolved=tuple(reversed(kms(KEYS, Plane.PRIVATE).addresses))),
        "led to 166.9.16.20, 166.9.14.20, 166.9.12.20; the addresses",
    ),
    **{
        f"log-contradicts-in-{name}": (served, logs(**{name: "another"}), f"the service's log says {name} another")
        for name in log_of(served(), status=200, rule="door.served")
    },
    "policy-not-set": (
        locking,
        says(policy=(200, policy("public-and-private"))),
        "acknowledged, but the policy is not set",
    ),
    "policy-cannot-be-read": (served, denied(policy=400), "served, but the owner cannot read under which policy"),
    "public-under-private-only": (
        public,
        says(policy=(200, policy("private-only"))),
        "served at the public door although the owner reads private-only",
    ),
    "policy-read-as-another": (
        reading,
        says(policy=(200, policy("public-and-private"))),
        "answered with another policy than the owner reads",
    ),
    "policy-set-and-switched-off": (
        locking,
        says(policy=(200, policy("private-only", enabled=False))),
        "acknowledged, but the policy is not set",
    ),
    "listing-of-what-the-owner-does-not-see": (
        listing,
        says(private=(200, LISTING)),
        "answered with keys that the owner is not shown",
    ),
    "key-not-created": (creating, denied(private=404), "acknowledged, but the key is not there"),
    "key-not-deleted": (deleting, says(private=(200, {"resources": [{"id": "k"}]})), "acknowledged, but the key is"),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_success_that_shows_stands(case: str) -> None:
    """Answered, arrived, logged and found true by the owner; the rule is what the owner reads as the policy."""
    made, cause = SOUND[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.REACHED, cause, "")


@pytest.mark.parametrize("case", SERVED)
def test_a_success_that_does_not_show_is_vacuous(case: str) -> None:
    """An answer alone is no measurement."""
    proves_nothing(*SERVED[case])


@pytest.mark.parametrize("answer,why", [((422, refusal("no")), ""), ((200, {}), "nothing is bound to it")])
def test_an_unwrap_is_bound_to_its_additional_data(answer: tuple[int, Any], why: str) -> None:
    """What unwraps with any additional data was not bound to the one that was said."""
    told = on_a_key(Operation.UNWRAP, document={})
    inquiry = told.inquiry()
    assert told.wrapped is not None
    says(caller=(200, {"plaintext": told.wrapped["plaintext"]}), private=answer)(told)
    said = asyncio.run(inquiry.measure(WORLD, told.call))
    assert (why in said.vacuous) if why else not said.vacuous


@pytest.mark.parametrize(
    "operation,document,why",
    [
        (Operation.LIST, {"metadata": {"collectionTotal": 1}, "resources": []}, "is not the number it says"),
        (Operation.LIST, LISTING, "a listing without the key k, which is there"),
        (Operation.UNWRAP, {"plaintext": "other"}, "not what was wrapped"),
        (Operation.CREATE, {"metadata": {}}, "without 'resources'"),
        (Operation.CREATE, {"resources": []}, "without a key"),
        (Operation.GET, {"resources": [{"id": "another"}]}, "answered with the key another, asked for k"),
    ],
    ids=["listing", "listing-forgets", "unwrap", "create", "create-nothing", "get"],
)
def test_an_answer_that_only_pretends_is_trouble(operation: Operation, document: object, why: str) -> None:
    """A status is not an answer: the document must be one of its operation."""
    with pytest.raises(ProbeFailed, match=why):
        on_a_key(operation, document=document).measured()


# ------------------------------------------------------------------ changes by the lab's operator
STATES: dict[str, tuple[OfInstance, int]] = {
    "provisioned": (Provision(instance="keys", account="acme", region="us-south"), 400),
    "initialised": (Initialise(instance="keys"), 200),
    "deleted": (DeleteInstance(instance="keys"), 404),
    "restored": (RestoreInstance(instance="keys"), 200),
}


def read_back(action: OfInstance, told: ScriptedLab) -> tuple[Evidence, ...]:
    """Return what reading ``action`` back shows."""
    return asyncio.run(ReadBack(cast("Places", told), told.inquiry().owner).action(WORLD, action))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_change_of_an_instance_shows_at_both_doors_or_not_at_all(state: str, status: int) -> None:
    """A door that answers as in another state is no evidence; the change is then reported as not shown."""
    action, expected = STATES[state]
    told = ScriptedLab(VSI, says={"private": (status, LISTING if status == 200 else refusal("no"))})
    evidence = read_back(action, told)
    shown = [door.name for door in doors_of(KEYS)]
    assert [seen.where for seen in evidence] == (shown if status == expected else [])


def test_an_initialised_instance_has_the_policy_that_it_was_provisioned_with() -> None:
    """A policy chosen at provisioning and dropped on the way would show nowhere else."""
    told = ScriptedLab(VSI, says={"policy": (200, policy("private-only"))})
    assert read_back(Initialise(instance="keys"), told) == ()


@pytest.mark.parametrize("opened,why", [(True, ""), (False, "does not unwrap to what was wrapped")])
def test_a_wrap_is_opened_by_the_owner(opened: bool, why: str) -> None:
    """What nobody can unwrap was not wrapped."""
    told = on_a_key(Operation.WRAP, document={"ciphertext": base64.b64encode(b"sealed again").decode()})
    inquiry = told.inquiry()
    told.echo = opened
    said = asyncio.run(inquiry.measure(WORLD, told.call))
    assert (why in said.vacuous) if why else not said.vacuous


@pytest.mark.parametrize("account,why", [("acme", ""), ("rival", "the token is for account")])
def test_a_token_is_for_the_callers_account(account: str, why: str) -> None:
    """Another account's token would be a green success, and open other doors."""
    world = two_accounts()
    call = Call.token("vsi-1", "keys", Plane.PRIVATE)
    token = jwt(account, bss=world.accounts[account].id)
    told = ScriptedLab(call, world=world, says={"caller": (200, {"access_token": token, "expiration": 4e9})})
    told.seen = [arrival(told)]
    told.logged = {
        **log_of(replace(told, call=VSI), status=200, rule="door.served"),
        "caller": str(told.beyond.source),
        "surface": "iam",
        "door": "iam/private",
        "method": "POST",
        "path": "/identity/token",
        "subject": f"iam-ServiceId-{account}",
    }
    said = told.measured()
    assert (why in said.vacuous) if why else (said.cause, said.vacuous) == ("door.served", "")


def test_a_success_at_the_other_planes_door_is_none() -> None:
    """What arrived beside another door is another call."""
    told = served()
    told.seen = [Sighting(place="public-services", rule="door.public", flow=told.flow)]
    assert "nothing of it was seen to arrive" in told.measured().vacuous
