"""Detectors, witnesses and the service's own words are broken one by one, and no verdict stands on what is broken."""

from __future__ import annotations

from typing import Any

import pytest

from lab import (
    Call,
    DeleteInstance,
    EnableVrf,
    Initialise,
    Netlink,
    Operation,
    Outcome,
    Policy,
    Provision,
    Scenario,
    SetPolicy,
    Step,
    topology,
)
from lab.model.action import Action
from lab.play.runner import Mode, play
from tests.sabotage.faults import REACHED, VSI, broken, scenario, why

pytestmark = pytest.mark.live

LAPTOP = Call.public("laptop", "keys")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")
LOCKED = Outcome.UNAUTHORIZED.because("policy.private-only")


def denied(**parameters: Any) -> Scenario:
    """Return a private call that dies on the internet."""
    return scenario(Step("call", VSI, LOST), private_route=False, **parameters)


def served() -> Scenario:
    """Return a private call that is served."""
    return scenario(Step("call", VSI, REACHED))


def refused() -> Scenario:
    """Return a public call that the policy refuses."""
    return scenario(Step("call", LAPTOP, LOCKED), policy=Policy.PRIVATE_ONLY)


BLIND = "vacuous: answered, but nothing of it was seen to arrive at a door of the"
LED = "vacuous: api.private.us-south.hs-crypto.cloud.ibm.com led to 166.9.16.20"
CASES: dict[str, tuple[Scenario, str, str, str]] = {
    "silent-doors-served": (served(), "silent-doors", "", f"{BLIND} private plane"),
    "silent-doors-refused": (refused(), "silent-doors", "", f"{BLIND} public plane"),
    "silent-doors-lost": (
        denied(), "silent-doors", "", "vacuous: witness-private was answered, but the door did not see it arrive",
    ),
    "blind-capture": (denied(), "blind-capture", "", "vacuous: the capture did not see it leave vsi-1: it is blind"),
    "lying-log-served": (served(), "lying-log", "subject", "vacuous: the service's log says subject a lie, and it was"),
    "lying-log-refused": (refused(), "lying-log", "caller", "vacuous: the service's log says caller a lie, and it was"),
    "moved-probe-served": (
        scenario(Step("call", Call.public("vsi-1", "keys"), REACHED)), "moved-probe", "laptop",
        "vacuous: asked from 203.0.113.10, which is no address of vsi-1",
    ),
    "moved-probe-lost": (
        denied(), "moved-probe", "laptop", "vacuous: asked from 203.0.113.10, which is no address of vsi-1",
    ),
    "other-address-served": (served(), "other-address", "", f"{LED}; the addresses of kms/private/keys are"),
    "other-address-lost": (denied(), "other-address", "", f"{LED}; the addresses of kms/private/keys are"),
    "reversed-addresses": (served(), "reversed-addresses", "", f"{LED}, 166.9.14.20, 166.9.12.20; the addresses"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_verdict_does_not_stand_on_a_broken_detector(case: str) -> None:
    """Outcome and cause are as predicted, and still nothing is proved: the run says what was blind or lied."""
    told, fault, target, says = CASES[case]
    assert play(told, Mode.LIVE).agreed, "sound, the same scenario agrees"
    report = play(told, Mode.LIVE, backend=broken(fault, target))
    assert why(report).startswith(says)


LOCK = Step("lock", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), REACHED)
REFUSED: dict[str, tuple[Call, str]] = {
    "create": (LAPTOP.to(Operation.CREATE, key="another"), "the key is made"),
    "delete": (LAPTOP.to(Operation.DELETE), "the key is deleted"),
    "set-policy": (SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=LAPTOP), "the owner reads another policy than just before"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_done_all_the_same_is_noticed(case: str) -> None:
    """The answer is the policy's refusal to the letter, and what it refused has happened behind it."""
    call, done = REFUSED[case]
    told = scenario(Step("a key", VSI.to(Operation.CREATE), REACHED), LOCK, Step("refused", call, LOCKED))
    assert play(told, Mode.LIVE).agreed, "sound, it is refused and nothing happens"
    report = play(told, Mode.LIVE, backend=broken("do-refused"))
    assert why(report) == f"vacuous: refused, and {done}"


PROVISION = Provision(instance="new", account="acme", region="us-south", policy=Policy.PRIVATE_ONLY)
OPERATOR: dict[str, tuple[Action, dict[str, Any]]] = {
    "provision": (PROVISION, {}),
    "initialise": (Initialise(instance="keys"), {"initialised": False}),
    "delete": (DeleteInstance(instance="keys"), {}),
}


@pytest.mark.parametrize("case", OPERATOR)
def test_what_the_operator_only_acknowledged_is_noticed(case: str) -> None:
    """A change of an instance is read back at its doors."""
    action, before = OPERATOR[case]
    told = scenario(Step("change", action, Outcome.DONE), **before)
    assert play(told, Mode.LIVE).agreed, "sound, the same change shows"
    report = play(told, Mode.LIVE, backend=broken("deaf-operator"))
    assert why(report) == f"vacuous: {type(action).__name__}: reading it back showed nothing of it"


def test_a_policy_that_provisioning_dropped_is_noticed() -> None:
    """The public door of an instance that was provisioned private-only must refuse its owner."""
    told = scenario(Step("provision", PROVISION, Outcome.DONE))
    report = play(told, Mode.LIVE, backend=broken("drop-policy"))
    assert why(report) == "vacuous: Provision: reading it back showed nothing of it"


def test_every_step_of_a_long_way_is_believed_only_with_its_proof() -> None:
    """The steps that change something are withdrawn, too, when nothing is seen to arrive: the run ends there."""
    lock = Step("lock", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), REACHED)
    told = Scenario(
        name="sabotaged",
        topology=topology("single_account", vrf=False, service_endpoints=False, private_route=False),
        steps=(
            Step("VRF", EnableVrf(account="acme"), Outcome.DONE),
            Step("a route", Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65"), Outcome.DONE),
            Step("still lost", VSI, Outcome.TIMED_OUT.because("edge.no-service-endpoint")),
            Step("lock", SetPolicy(Policy.PRIVATE_ONLY, by=LAPTOP), REACHED),
            lock,
        ),
    )
    report = play(told, Mode.LIVE, backend=broken("silent-doors"))
    assert [step.text for step in report.steps if step.why] == ["still lost", "lock"]
    assert len(report.steps) == 4
