"""Every guard of a success can withdraw it: an answer alone, or an acknowledgement alone, is no measurement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from lab import Operation, Outcome, Policy
from lab.errors import ProbeFailed
from lab.measure.places import Places
from lab.measure.probe import Prober
from lab.measure.readback import ReadBack
from lab.measure.requests import HeldKey
from lab.measure.sightings import Sighting
from lab.model.action import DeleteInstance, Initialise, Provision
from lab.model.endpoint import kms
from lab.model.outcome import Evidence
from lab.model.plane import Plane
from tests.unit.scripted import KEYS, LISTING, PRIVATE, VSI, WORLD, ScriptedLab, Spoil, logs, refusal, sets

PRIVATE_ONLY = {
    "resources": [
        {"policy_type": "allowedNetwork", "policy_data": {"attributes": {"allowed_network": "private-only"}}},
    ]
}


# ------------------------------------------------------------------ calls
def served(operation: Operation = Operation.LIST, *, status: int = 200, document: object = LISTING) -> ScriptedLab:
    """Return a private call that was served: it arrived at its door, and the log agrees."""
    told = ScriptedLab(replace(VSI.to(operation), key="k"), by_caller=(status, document))
    told.seen = [Sighting(place="private-services", rule="door.private", flow=told.flow)]
    told.logged = {
        "plane": "private",
        "surface": "kms",
        "status": status,
        "decision": "allow",
        "rule": "door.served",
        "instance": KEYS.guid,
    }
    told.held = HeldKey(id="k", ciphertext="c")
    return told


def locking() -> ScriptedLab:
    """Return an acknowledged change of the policy that the private door confirms."""
    told = served(Operation.SET_POLICY, status=204)
    told.call = replace(told.call, policy=Policy.PRIVATE_ONLY)
    told.by_witness[PRIVATE] = (200, PRIVATE_ONLY)
    return told


def deleting() -> ScriptedLab:
    """Return an acknowledged deletion of a key that the private door confirms."""
    told = served(Operation.DELETE, status=204)
    told.by_witness[PRIVATE] = (410, refusal("deleted"))
    return told


SERVED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "arrived-nowhere": (served, sets(seen=[]), "served, but nothing of it was seen to arrive"),
    "log-contradicts": (served, logs(instance="another"), "the service's log says instance another"),
    "policy-not-set": (
        locking,
        lambda told: told.by_witness.update(private=(200, LISTING)),
        "acknowledged, but the policy is not set",
    ),
    "key-not-deleted": (
        deleting,
        lambda told: told.by_witness.update(private=(200, {"resources": [{"id": "k"}]})),
        "acknowledged, but the key is there",
    ),
}


@pytest.mark.parametrize("made", [served, locking, deleting], ids=lambda made: made.__name__)
def test_a_success_that_shows_stands(made: Callable[[], ScriptedLab]) -> None:
    """Answered, arrived, logged and, for a change, found at the private door."""
    said = made().measured()
    assert (said.outcome, said.vacuous) == (Outcome.REACHED, "")


@pytest.mark.parametrize("case", SERVED)
def test_a_success_that_does_not_show_is_vacuous(case: str) -> None:
    """An acknowledgement alone is no measurement."""
    made, spoil, why = SERVED[case]
    told = made()
    spoil(told)
    assert why in told.measured().vacuous


@pytest.mark.parametrize(
    "operation,document,why",
    [
        (Operation.LIST, {"metadata": {"collectionTotal": 1}, "resources": []}, "is not the number it says"),
        (Operation.UNWRAP, {"plaintext": "other"}, "not what was wrapped"),
        (Operation.CREATE, {"metadata": {}}, "without 'resources'"),
    ],
    ids=["listing", "unwrap", "create"],
)
def test_an_answer_that_only_pretends_is_trouble(operation: Operation, document: object, why: str) -> None:
    """A status is not an answer: the document must be one of its operation."""
    with pytest.raises(ProbeFailed, match=why):
        served(operation, document=document).measured()


# ------------------------------------------------------------------ changes by the lab's operator
STATES: dict[str, tuple[Provision | Initialise | DeleteInstance, int]] = {
    "provisioned": (Provision(instance="keys", account="acme", region="us-south"), 400),
    "initialised": (Initialise(instance="keys"), 200),
    "deleted": (DeleteInstance(instance="keys"), 404),
}


def read_back(action: Provision | Initialise | DeleteInstance, status: int) -> tuple[Evidence, ...]:
    """Return what reading ``action`` back shows where the private door answers ``status``."""
    told = ScriptedLab(VSI, asked=1, by_witness={PRIVATE: (status, LISTING if status == 200 else refusal("no"))})

    async def token(_account: str) -> str:
        return "caller"

    return asyncio.run(ReadBack(cast("Places", told), cast("Prober", told), token).action(WORLD, action))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_change_of_an_instance_shows_at_its_private_door_or_not_at_all(state: str, status: int) -> None:
    """A door that answers as in another state is no evidence; the change is then reported as not shown."""
    action, expected = STATES[state]
    evidence = read_back(action, status)
    assert [seen.where for seen in evidence] == ([kms(KEYS, Plane.PRIVATE).name] if status == expected else [])
