"""The door's decisions of key management, as pure questions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from lab.errors import ServiceError
from lab.model.plane import Plane, Policy
from lab.services.kms import rules
from lab.services.kms.rules import Level, admit, level, policy_refuses, require
from lab.services.kms.state import Instance, PolicyRecord

OPEN = PolicyRecord(
    enabled=True, allowed=Policy.PUBLIC_AND_PRIVATE, created="t", created_by="s", updated="t", updated_by="s"
)
LOCKED = replace(OPEN, allowed=Policy.PRIVATE_ONLY)
OFF = replace(LOCKED, enabled=False)


def instance(policy: PolicyRecord | None = None, *, master: bytes | None = b"m", deleted: bool = False) -> Instance:
    """Return an initialised instance of account ``acme``."""
    return Instance(
        name="keys",
        guid="g",
        crn="crn::",
        account="acme",
        region="us-south",
        policy=policy,
        master=master,
        deleted=deleted,
    )


def refusal(of: Instance | None, plane: Plane, account: str | None, named: str | None) -> ServiceError:
    """Return the error that the door raises."""
    with pytest.raises(ServiceError) as caught:
        admit(of, plane=plane, account=account, named=named)
    return caught.value


@pytest.mark.parametrize(
    "policy,plane,deleted,refuses",
    [
        pytest.param(None, Plane.PUBLIC, False, False, id="never-set-allows-public"),
        pytest.param(None, Plane.PRIVATE, False, False, id="never-set-allows-private"),
        pytest.param(OPEN, Plane.PUBLIC, False, False, id="both-allows-public"),
        pytest.param(OPEN, Plane.PRIVATE, False, False, id="both-allows-private"),
        pytest.param(LOCKED, Plane.PUBLIC, False, True, id="private-only-refuses-public"),
        pytest.param(LOCKED, Plane.PRIVATE, False, False, id="private-only-allows-private"),
        pytest.param(OFF, Plane.PUBLIC, False, False, id="switched-off-allows-public"),
        pytest.param(LOCKED, Plane.PUBLIC, True, False, id="deleted-is-not-enforced"),
    ],
)
def test_policy_decision(policy: PolicyRecord | None, plane: Plane, deleted: bool, refuses: bool) -> None:
    """The policy refuses public requests under private-only, on existing instances, and nothing else."""
    assert refuses is policy_refuses(policy, plane, deleted=deleted)


@pytest.mark.parametrize(
    "of,account,named,rule",
    [
        pytest.param(instance(), None, "g", rules.NO_TOKEN, id="no-token"),
        pytest.param(None, "acme", "g", rules.INSTANCE_UNKNOWN, id="no-instance-behind-the-door"),
        pytest.param(instance(), "acme", "other", rules.INSTANCE_UNKNOWN, id="another-door's-instance"),
        pytest.param(instance(), "rival", "g", rules.OTHER_ACCOUNT, id="other-account"),
        pytest.param(instance(LOCKED), "acme", "g", rules.PRIVATE_ONLY, id="private-only"),
    ],
)
def test_every_refusal_looks_the_same(of: Instance | None, account: str | None, named: str | None, rule: str) -> None:
    """The caller cannot tell a policy from a missing role, a foreign account or a missing instance."""
    error = refusal(of, Plane.PUBLIC, account, named)
    assert (error.status, error.message, error.code) == (401, rules.REFUSED_TEXT, "")
    assert error.rule == rule


def test_policy_is_asked_before_state_and_request() -> None:
    """A refused caller learns neither that the instance is uninitialised nor that its request is incomplete."""
    bare = instance(LOCKED, master=None)
    assert refusal(bare, Plane.PUBLIC, "acme", None).rule == rules.PRIVATE_ONLY
    assert refusal(bare, Plane.PRIVATE, "acme", None).rule == rules.MALFORMED
    assert refusal(bare, Plane.PRIVATE, "acme", "g").rule == rules.NOT_INITIALISED


def test_uninitialised_instance_says_so_in_the_product_s_words() -> None:
    """400 and the text that the product's clients print."""
    error = refusal(instance(master=None), Plane.PUBLIC, "acme", "g")
    assert (error.status, error.rule) == (400, rules.NOT_INITIALISED)
    assert "CKR_IBM_WK_NOT_INITIALIZED" in error.message


@pytest.mark.parametrize("plane", list(Plane))
def test_deleted_instance_is_not_found_on_either_plane(plane: Plane) -> None:
    """Its policy is not enforced: both planes get the same answer."""
    error = refusal(instance(LOCKED, deleted=True, master=None), plane, "acme", "g")
    assert (error.status, error.rule) == (404, rules.INSTANCE_DELETED)


def test_sabotage_leaves_only_the_policy_out() -> None:
    """The switch that tests use to break the policy breaks nothing else."""
    locked = instance(LOCKED)
    assert locked is admit(locked, plane=Plane.PUBLIC, account="acme", named="g", enforce=False)
    with pytest.raises(ServiceError):
        admit(locked, plane=Plane.PUBLIC, account="rival", named="g", enforce=False)


def test_tightening_never_admits_more() -> None:
    """Whatever is refused under an open policy is refused under private-only."""
    accounts, names = (None, "acme", "rival"), (None, "g", "other")
    for account, named, plane in itertools.product(accounts, names, Plane):
        open_refuses, locked_refuses = (_refuses(instance(policy), plane, account, named) for policy in (OPEN, LOCKED))
        assert locked_refuses or not open_refuses


def test_levels() -> None:
    """Nothing said means manager; the highest role counts; an empty set may do nothing."""
    assert level(None) is Level.MANAGER
    assert level(frozenset()) is Level.NOTHING
    assert level(frozenset({"Reader", "Writer"})) is Level.WRITER
    require(Level.WRITER, Level.READER)
    with pytest.raises(ServiceError) as caught:
        require(Level.READER, Level.WRITER)
    assert (caught.value.status, caught.value.rule) == (401, rules.MISSING_ROLE)


def _refuses(of: Instance, plane: Plane, account: str | None, named: str | None) -> bool:
    try:
        admit(of, plane=plane, account=account, named=named)
    except ServiceError:
        return True
    return False
