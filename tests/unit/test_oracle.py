"""The oracle: outcome, deciding rule, hops and the first missing prerequisite, for every rule that decides."""

from __future__ import annotations

import pytest

from lab import Call, DeleteInstance, Operation, Outcome, Plane, Policy, SetPolicy, catalogue
from lab.errors import ModelError
from lab.model.action import apply
from lab.model.outcome import Prerequisite
from lab.model.rules import BY_ID, CATALOGUE
from lab.model.world import World
from lab.oracle import explain, predict

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
EP11_VSI, EP11_LAPTOP = Call.ep11_private("vsi-1", "keys"), Call.ep11_public("laptop", "keys")


def world(**parameters: object) -> World:
    """Return the world of ``single_account``."""
    return catalogue.load_topology("single_account", **parameters).world()


CASES: dict[str, tuple[dict[str, object], Call, str, str, str | None]] = {
    "ready": ({}, VSI, "reached", "policy.default", None),
    "public-by-default": ({}, LAPTOP, "reached", "policy.default", None),
    "public-and-private": ({"policy": "public-and-private"}, LAPTOP, "reached", "policy.public-and-private", None),
    "private-only-inside": ({"policy": "private-only"}, VSI, "reached", "policy.private-endpoint-served", None),
    "private-only-outside": ({"policy": "private-only"}, LAPTOP, "unauthorized", "policy.private-only", "policy"),
    "vsi-at-the-public-endpoint": (
        {"policy": "private-only"}, Call.public("vsi-1", "keys"), "unauthorized", "policy.private-only", "policy",
    ),
    "no-vrf": ({"vrf": False}, VSI, "timed-out", "edge.no-vrf", "vrf"),
    "no-service-endpoints": (
        {"service_endpoints": False}, VSI, "timed-out", "edge.no-service-endpoint", "service-endpoints",
    ),
    "no-route": ({"private_route": False}, VSI, "timed-out", "internet.no-private-service", "route"),
    "nothing-ready": (
        {"vrf": False, "private_route": False}, VSI, "timed-out", "internet.no-private-service", "vrf",
    ),
    "laptop-at-the-private-endpoint": (
        {}, Call.private("laptop", "keys"), "timed-out", "internet.no-private-service", "endpoint",
    ),
    "uninitialised": ({"initialised": False}, VSI, "bad-request", "instance.not-initialised", "initialised"),
    "policy-before-initialisation": (
        {"initialised": False}, SetPolicy(Policy.PRIVATE_ONLY, by=VSI), "bad-request", "policy.needs-initialised",
        "initialised",
    ),
    "policy-before-state": (
        {"initialised": False, "policy": "private-only"}, LAPTOP, "unauthorized", "policy.private-only", "policy",
    ),
    "crypto-ready": ({}, EP11_VSI, "reached", "policy.default", None),
    "crypto-private-only-inside": (
        {"policy": "private-only"}, EP11_VSI, "reached", "policy.private-endpoint-served", None,
    ),
    "crypto-private-only-outside": (
        {"policy": "private-only"}, EP11_LAPTOP, "unauthorized", "policy.both-apis", "policy",
    ),
    "crypto-no-route": ({"private_route": False}, EP11_VSI, "timed-out", "internet.no-private-service", "route"),
    "crypto-uninitialised": (
        {"initialised": False}, EP11_VSI, "bad-request", "instance.not-initialised", "initialised",
    ),
    "crypto-with-a-key-that-nobody-made": (
        {}, EP11_VSI.to(Operation.ENCRYPT), "bad-request", "key.foreign-blob", None,
    ),
    "crypto-makes-a-key": ({}, EP11_VSI.to(Operation.GENERATE_KEY), "reached", "policy.default", None),
    "unknown-key": ({}, VSI.to(Operation.GET), "not-found", "key.unknown", None),
    "token": ({}, Call.token("vsi-1", "keys", Plane.PRIVATE), "reached", "door.served", None),
    "token-without-route": (
        {"private_route": False}, Call.token("vsi-1", "keys", Plane.PRIVATE), "timed-out",
        "internet.no-private-service", "route",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_call_gets_its_verdict(case: str) -> None:
    """The table of the page, row by row."""
    parameters, call, outcome, cause, missing = CASES[case]
    verdict = predict(world(**parameters), call)
    assert (verdict.outcome, verdict.cause) == (Outcome(outcome), cause)
    assert verdict.missing == (Prerequisite(missing) if missing else None)
    assert BY_ID[cause].decides
    assert verdict.hops


def test_every_rule_that_can_decide_is_decided_by_some_case() -> None:
    """No rule is only decoration; those that need another world or the lab's operator are named."""
    elsewhere = {"door.other-account", "host.no-route", "internet.no-private-address",
                 "edge.unroutable", "key.deleted", "instance.deleted", "operator.done"}  # fmt: skip
    decided = {cause for _, _, _, cause, _ in CASES.values()}
    assert {rule.id for rule in CATALOGUE if rule.decides} == decided | elsewhere


def test_a_deleted_instances_policy_is_not_enforced() -> None:
    """After the delete the public side is told the same as the private one, and no more 401."""
    before = world(policy="private-only")
    after = apply(before, DeleteInstance(instance="keys"))
    assert predict(before, LAPTOP).cause == "policy.private-only"
    assert {predict(after, call).cause for call in (VSI, LAPTOP)} == {"instance.deleted"}


def test_explain_names_the_way() -> None:
    """The hops lead from the name to the place where it is decided."""
    verdict = explain(world(private_route=False), "vsi-1", "keys", Plane.PRIVATE)
    assert [hop.place for hop in verdict.hops] == ["vsi-1", "vsi-1", "internet edge"]
    assert "default via 198.18.0.9 dev eth1" in verdict.hops[1].fact


@pytest.mark.parametrize(
    ("by", "instance", "told"),
    [("vsi-2", "keys", "no host named 'vsi-2'.*'vsi-1'"), ("vsi-1", "key", "no instance named 'key'.*'keys'")],
)
def test_an_unknown_name_is_an_error_and_no_verdict(by: str, instance: str, told: str) -> None:
    """A misspelt question has no answer."""
    with pytest.raises(ModelError, match=told):
        predict(world(), Call.private(by, instance))
