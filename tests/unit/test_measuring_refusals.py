"""Every guard of a refusal at a door can withdraw it: one with all its proof stands, without any of it none does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab import Operation, Outcome, Policy
from lab.describe.placing import control
from lab.errors import ProbeFailed
from lab.measure import requests
from lab.measure.probe import NUMBER
from lab.measure.requests import HttpRequest
from lab.model.plane import Surface
from tests.unit.scripted import (
    EP11_VSI,
    LAPTOP,
    ScriptedLab,
    policy,
    refusal,
    two_accounts,
)
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, says, sets


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
    both = [(case, surface) for surface in (Surface.KMS, Surface.EP11) for case in cases]
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
    proves_nothing(*DOOR[case])


def test_a_control_that_leaves_its_key_is_trouble() -> None:
    """A control changes nothing that lasts, or says so."""
    told = private_only()
    told.call = told.call.to(Operation.CREATE, key="k")
    told.logged = log_of(told, status=401, rule="policy.private-only")
    says(twin=(201, {"resources": [{"id": "c"}]}))(told)
    told.stays = True
    with pytest.raises(ProbeFailed, match="a control's key stays in the instance"):
        told.measured()


def test_a_control_that_may_not_wrap_proves_nothing() -> None:
    """An unwrap needs something wrapped: where the control instance refuses that, nothing is compared."""
    told = private_only()
    told.call, told.wrapped = told.call.to(Operation.UNWRAP, key="k"), {}
    told.logged = log_of(told, status=401, rule="policy.private-only")
    key = (201, {"resources": [{"id": "c"}]})
    says(twin=key, private=key)(told)
    ask = told.ask

    async def unwrapping(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        made = (401, refusal("no")) if request.path.endswith("/wrap") else key
        says(twin=made, private=made)(told)
        return await ask(node, name, port, request, **how)

    told.ask = unwrapping  # type: ignore[method-assign]
    said = told.measured()
    assert (said.cause, said.vacuous) == ("", APART)


# ------------------------------------------------------------------ what was refused is not done
def refused_change(operation: Operation, *, done: bool) -> ScriptedLab:
    """Return a change that the laptop was refused by the policy, and that the owner finds ``done`` or not."""
    told = private_only()
    told.call, told.wrapped = replace(told.call.to(operation, key="k"), policy=Policy.PUBLIC_AND_PRIVATE), {}
    told.logged = log_of(told, status=401, rule="policy.private-only")
    says(twin=(201, {"resources": [{"id": "c"}]}), private=(201, {"resources": [{"id": "c"}]}))(told)
    ask, mark = told.ask, ""

    async def knowing(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        nonlocal mark
        if NUMBER in request.headers and operation is Operation.CREATE:
            mark = requests.mark_in(request)
        elif NUMBER in request.headers and operation is Operation.SET_POLICY and done:
            says(policy=(200, policy("public-and-private")))(told)
        elif request.method == "PUT" and NUMBER not in request.headers:  # a control sets what stands: that is seen
            says(policy=(200, {**policy("private-only"), "metadata": {"collectionTotal": 1}}))(told)
        elif request.path.startswith("/api/v2/keys?"):
            found = [{"id": "n", "description": mark if done else "another"}]
            says(private=(200, {"metadata": {"collectionTotal": 1}, "resources": found}))(told)
        elif request.path.endswith("/keys/k") and request.method == "GET" and done:
            says(private=(410, refusal("gone", "KEY_DELETED_ERR")))(told)
        return await ask(node, name, port, request, **how)

    told.ask = knowing  # type: ignore[method-assign]
    return told


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (Operation.CREATE, "refused, and the key is made"),
        (Operation.DELETE, "refused, and the key is deleted"),
        (Operation.SET_POLICY, "refused, and the owner reads another policy than just before"),
    ],
)
@pytest.mark.parametrize("done", [False, True])
def test_what_was_refused_must_not_have_been_done_all_the_same(operation: Operation, why: str, done: bool) -> None:
    """The answer of a door is no proof of what happens behind it: the owner looks afterwards."""
    said = refused_change(operation, done=done).measured()
    assert (said.cause, said.vacuous) == (("", why) if done else ("policy.private-only", ""))


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
