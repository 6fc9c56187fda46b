"""What the probe sends is the documented form, and a service that only pretends is found out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pytest

from lab.errors import ProbeFailed
from lab.measure import requests
from lab.measure.requests import Credentials, HeldKey
from lab.model.call import Operation
from lab.model.plane import Policy

MINE = Credentials(token="t", guid="g")


@dataclass(frozen=True)
class Heard:
    """An answer."""

    body: bytes
    status: int = 200
    name: str = "api"


def heard(**document: object) -> Heard:
    """Return an answer with this JSON document."""
    return Heard(body=json.dumps(document).encode())


def test_the_policy_is_set_in_the_documented_form() -> None:
    """Query, vendor type, body, token and instance id."""
    sent = requests.key_management(Operation.SET_POLICY, MINE, policy=Policy.PRIVATE_ONLY)
    assert (sent.method, sent.path) == ("PUT", "/api/v2/instance/policies?policy=allowedNetwork")
    assert sent.headers["content-type"] == "application/vnd.ibm.kms.policy+json"
    assert (sent.headers["authorization"], sent.headers["bluemix-instance"]) == ("Bearer t", "g")
    (resource,) = json.loads(sent.body)["resources"]
    assert resource["policy_data"] == {"enabled": True, "attributes": {"allowed_network": "private-only"}}


@pytest.mark.parametrize(
    "resource",
    [
        "text",
        {"policy_type": "allowedNetwork"},
        {"policy_type": "allowedNetwork", "policy_data": {"enabled": True}},
        {"policy_type": "allowedNetwork", "policy_data": {"enabled": True, "attributes": {"allowed_network": "both"}}},
    ],
)
def test_a_policy_that_is_none_is_trouble(resource: object) -> None:
    """Nothing is concluded from it, least of all that none was set."""
    with pytest.raises(ProbeFailed, match="api answered with policies that are none"):
        requests.policy_in(heard(resources=[resource]))


def test_a_key_that_nobody_holds_is_asked_for_by_an_id_that_nobody_has() -> None:
    """So that "not found" is the service's word, not the probe's."""
    sent = requests.key_management(Operation.GET, MINE)
    assert sent.path.endswith(requests.UNKNOWN_KEY)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_wrap_that_shows_its_secret_is_found_out(layers: int) -> None:
    """Plain, in base64, or in a document in base64: it is no wrap."""
    secret = requests.fresh_secret()
    sent = requests.key_management(Operation.WRAP, MINE, held=HeldKey(id="k"), secret=secret)
    shown = json.loads(sent.body)["plaintext"]
    assert shown == secret
    for _ in range(layers):
        shown = base64.b64encode(f'{{"ciphertext": "{shown}"}}'.encode()).decode()
        if layers == 2:
            break
    with pytest.raises(ProbeFailed, match="in the clear"):
        requests.ciphertext_in(heard(ciphertext=shown), secret)


def test_a_listing_of_keys_that_are_not_there_is_found_out() -> None:
    """Deleted, or another instance's: whoever lists them keeps nothing apart."""
    listed = heard(metadata={"collectionTotal": 2}, resources=[{"id": "own"}, {"id": "foreign"}])
    requests.check_listing(listed, [HeldKey(id="own")])
    with pytest.raises(ProbeFailed, match="with the key foreign, which is not there"):
        requests.check_listing(listed, [HeldKey(id="own")], [HeldKey(id="foreign")])


def test_a_full_page_need_not_hold_everything() -> None:
    """More keys than a page holds: what is not on it may be on the next."""
    page = [{"id": str(number)} for number in range(5000)]
    requests.check_listing(heard(metadata={"collectionTotal": 5000}, resources=page), [HeldKey(id="later")])


def test_an_unwrap_that_gives_back_something_else_is_found_out() -> None:
    """Served is not enough."""
    with pytest.raises(ProbeFailed, match="not what was wrapped"):
        requests.check_unwrapped(heard(plaintext="c29tZXRoaW5n"), HeldKey(id="k", plaintext=requests.fresh_secret()))


def test_an_answer_that_is_no_document_is_trouble_and_no_verdict() -> None:
    """The message shows what came."""
    with pytest.raises(ProbeFailed, match="without a JSON document"):
        requests.token_in(Heard(body=b"<html>"))


def test_every_creation_bears_a_mark_of_its_own() -> None:
    """By it a key that was refused is told from one of the same name that was made before."""
    one, other = (requests.key_management(Operation.CREATE, MINE, name="same") for _ in range(2))
    marks = {requests.mark_in(one), requests.mark_in(other)}
    assert len(marks) == 2
    assert requests.marks_in(heard(resources=[{"description": mark} for mark in marks])) == marks
