"""The oracle: outcome, deciding rule, hops and the first missing prerequisite, for every rule that decides."""

from __future__ import annotations

from functools import reduce

import pytest

from lab import (
    BringZoneBack,
    Call,
    DeleteInstance,
    Netlink,
    Operation,
    Outcome,
    Plane,
    Policy,
    Reboot,
    RestoreInstance,
    SaveRoutes,
    SetPolicy,
    TakeZoneDown,
    catalogue,
)
from lab.errors import ModelError
from lab.model.action import Action, apply, effect
from lab.model.outcome import Prerequisite
from lab.model.rules import BY_ID, CATALOGUE
from lab.model.world import World
from lab.oracle import explain, predict

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
EP11_VSI, EP11_LAPTOP = Call.ep11_private("vsi-1", "keys"), Call.ep11_public("laptop", "keys")

API = "api.private.us-south.hs-crypto.cloud.ibm.com"


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
    "variable-unset": (
        {}, Call.kp("vsi-1", "keys", address=None), "unauthorized", "door.other-instance", "endpoint",
    ),
    "variable-unset-outside": (
        {}, Call.kp("laptop", "keys", address=None), "unauthorized", "door.other-instance", "endpoint",
    ),
    "variable-without-a-scheme": (
        {}, Call.kp("vsi-1", "keys", address=f"{API}:9042"), "not-sent", "client.no-scheme", "endpoint",
    ),
    "variable-of-ep11": (
        {}, Call.kp("vsi-1", "keys", address=f"https://{API.replace('api', 'ep11')}:9043"),
        "tls-failed", "ep11.speaks-grpc", "endpoint",
    ),
    "variable-public": (
        {"policy": "private-only"}, Call.kp("vsi-1", "keys", address=f"https://{API.replace('.private', '')}:9042"),
        "unauthorized", "policy.private-only", "policy",
    ),
    "variable-private": (
        {}, Call.kp("vsi-1", "keys", address=f"https://{API}:9042"), "reached", "policy.default", None,
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
    "vsi-at-one-address": ({}, VSI.impatient(), "reached", "policy.default", None),
    "renamed-nics": (
        {"private_interface": "eth10", "public_interface": "eth11"}, VSI, "reached", "policy.default", None,
    ),
    "token": ({}, Call.token("vsi-1", "keys", Plane.PRIVATE), "reached", "door.served", None),
    "token-without-route": (
        {"private_route": False}, Call.token("vsi-1", "keys", Plane.PRIVATE), "timed-out",
        "internet.no-private-service", "route",
    ),
}  # fmt: skip

INNER, MAINFRAME = Call.private("inner-vsi", "keys"), Call.private("mainframe", "keys")
CENTER: dict[str, tuple[dict[str, object], Call, str, str, str | None]] = {
    "test-machine": ({}, Call.private("test-machine", "keys"), "reached", "policy.default", None),
    "behind-an-appliance": ({}, INNER, "reached", "policy.default", None),
    "firewall": ({"permits_services": False}, INNER, "timed-out", "gateway.firewall", "firewall"),
    "firewall-first-but-not-first-to-mend": (
        {"permits_services": False, "service_endpoints": False}, INNER, "timed-out", "gateway.firewall",
        "service-endpoints",
    ),
    "no-route-to-the-appliance": ({"private_route": False}, INNER, "timed-out", "internet.no-private-service", "route"),
    "edge-behind-the-appliance": (
        {"service_endpoints": False}, INNER, "timed-out", "edge.no-service-endpoint", "service-endpoints",
    ),
    "direct-link": ({}, MAINFRAME, "timed-out", "edge.direct-link", "endpoint"),
    "on-premises-over-the-internet": (
        {"private_route": False}, MAINFRAME, "timed-out", "internet.no-private-service", "endpoint",
    ),
    "on-premises-at-the-public-endpoint": ({}, Call.public("mainframe", "keys"), "reached", "policy.default", None),
    "on-premises-under-private-only": (
        {"policy": "private-only"}, Call.public("mainframe", "keys"), "unauthorized", "policy.private-only", "policy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CENTER)
def test_a_data_centers_call_gets_its_verdict(case: str) -> None:
    """A test machine is a VSI; an appliance decides before the edge; a Direct Link carries no service endpoints."""
    parameters, call, outcome, cause, missing = CENTER[case]
    verdict = predict(catalogue.load_topology("data_center", **parameters).world(), call)
    assert (verdict.outcome, verdict.cause) == (Outcome(outcome), cause)
    assert verdict.missing == (Prerequisite(missing) if missing else None)


def test_the_way_leads_through_the_appliance() -> None:
    """Between the host and the provider edge, by its own name."""
    verdict = explain(catalogue.load_topology("data_center").world(), "inner-vsi", "keys", Plane.PRIVATE)
    assert [hop.place for hop in verdict.hops][2:4] == ["gateway", "provider edge"]


@pytest.mark.parametrize("case", CASES)
def test_a_call_gets_its_verdict(case: str) -> None:
    """The table of the page, row by row."""
    parameters, call, outcome, cause, missing = CASES[case]
    verdict = predict(world(**parameters), call)
    assert (verdict.outcome, verdict.cause) == (Outcome(outcome), cause)
    assert verdict.missing == (Prerequisite(missing) if missing else None)
    assert BY_ID[cause].decides
    assert verdict.hops


ROUTE = Netlink("vsi-1").route
ZONE_1, ZONE_2, ZONE_3 = (TakeZoneDown(zone=f"us-south-{number}") for number in (1, 2, 3))
BY_NOBODY = ROUTE("replace", dst="166.9.0.0/16", gateway="10.65.0.126")
DELETED, RESTORED = DeleteInstance(instance="keys"), RestoreInstance(instance="keys")
CHANGED: dict[str, tuple[tuple[Action, ...], Call, str, str]] = {
    "zone-down-first-address": ((ZONE_1,), VSI.impatient(), "timed-out", "zone.down"),
    "zone-down-next-address": ((ZONE_1,), VSI, "reached", "policy.default"),
    "zone-down-token": ((ZONE_1,), Call.token("vsi-1", "keys", Plane.PRIVATE), "reached", "door.served"),
    "zone-down-public": ((ZONE_1,), LAPTOP, "reached", "policy.default"),
    "another-zone-down": ((ZONE_2,), VSI.impatient(), "reached", "policy.default"),
    "zone-of-another-region": ((TakeZoneDown(zone="eu-de-1"),), VSI.impatient(), "reached", "policy.default"),
    "every-zone-down": ((ZONE_1, ZONE_2, ZONE_3), VSI, "timed-out", "zone.down"),
    "zone-back": ((ZONE_1, BringZoneBack(zone="us-south-1")), VSI.impatient(), "reached", "policy.default"),
    "gateway-that-nobody-has": ((BY_NOBODY,), VSI, "rejected", "host.no-neighbour"),
    "gateway-is-itself": (
        (ROUTE("replace", dst="166.9.0.0/16", gateway="10.65.0.66"),), VSI, "rejected", "host.no-neighbour",
    ),
    "no-gateway": (
        (ROUTE("replace", dst="166.9.0.0/16", oif="eth0"),), VSI, "rejected", "host.no-neighbour",
    ),
    "resolver-by-nobody": (
        (ROUTE("replace", dst="161.26.0.0/16", gateway="10.65.0.126"),), VSI, "no-name", "host.no-neighbour",
    ),
    "public-gateway-that-nobody-has": (
        (ROUTE("replace", dst="default", gateway="198.18.0.13"),), Call.public("vsi-1", "keys"), "rejected",
        "host.no-neighbour",
    ),
    "rebooted": ((BY_NOBODY, Reboot(host="vsi-1")), VSI, "reached", "policy.default"),
    "saved-and-rebooted": (
        (BY_NOBODY, SaveRoutes(host="vsi-1"), Reboot(host="vsi-1")), VSI, "rejected", "host.no-neighbour",
    ),
    "deleted-by-hand-and-rebooted": (
        (ROUTE("del", dst="166.9.0.0/16"), Reboot(host="vsi-1")), VSI, "reached", "policy.default",
    ),
    "deleted": ((DELETED,), LAPTOP, "not-found", "instance.deleted"),
    "restored": ((DELETED, RESTORED), LAPTOP, "reached", "policy.default"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_a_call_after_changes_gets_its_verdict(case: str) -> None:
    """Zones, gateways, reboots and restores: what was changed decides, and nothing else."""
    actions, call, outcome, cause = CHANGED[case]
    after = reduce(apply, actions, world())
    verdict = predict(after, call)
    assert (verdict.outcome, verdict.cause) == (Outcome(outcome), cause)
    assert BY_ID[cause].decides


def test_a_gateway_that_nobody_has_is_mended_in_the_order_of_the_page() -> None:
    """First what the account lacks, then the route; for the public side it is the route alone."""
    lacking: tuple[dict[str, bool], ...] = ({"vrf": False}, {"service_endpoints": False}, {})
    missing = [predict(apply(world(**parameters), BY_NOBODY), VSI).missing for parameters in lacking]
    assert missing == [Prerequisite.VRF, Prerequisite.SERVICE_ENDPOINTS, Prerequisite.ROUTE]
    outside = apply(world(vrf=False), ROUTE("replace", dst="default", gateway="198.18.0.13"))
    assert predict(outside, Call.public("vsi-1", "keys")).missing is Prerequisite.ROUTE


def test_nothing_is_missing_when_a_zone_is_down() -> None:
    """Neither account nor host can mend it."""
    assert predict(apply(world(), ZONE_1), VSI.impatient()).missing is None


def test_a_restored_instances_policy_is_enforced_again() -> None:
    """Before, after the delete and after the restore: refused, not found, refused; and its keys are there."""
    before = effect(world(policy="private-only"), VSI.to(Operation.CREATE))
    gone = apply(before, DELETED)
    back = apply(gone, RESTORED)
    seen = [predict(w, LAPTOP).cause for w in (before, gone, back)]
    assert seen == ["policy.private-only", "instance.deleted", "policy.private-only"]
    assert predict(back, VSI.to(Operation.GET)).cause == "policy.private-endpoint-served"


def test_every_rule_that_can_decide_is_decided_by_some_case() -> None:
    """No rule is only decoration; those that need another world or the lab's operator are named."""
    elsewhere = {"door.other-account", "host.no-route", "internet.no-private-address", "edge.unroutable", "key.deleted",
                 "operator.done", "host.route-refused"}  # fmt: skip
    decided = {cause for _, _, _, cause, _ in (*CASES.values(), *CENTER.values())}
    decided |= {cause for _, _, _, cause in CHANGED.values()}
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
