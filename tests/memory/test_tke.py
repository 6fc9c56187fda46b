"""Trusted Key Entry without sockets: its doors' paths, whom they know, and what stands in the log."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest

from lab import Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, catalogue, topology
from lab.model.endpoint import kms, tke
from lab.model.plane import Plane, Surface
from lab.model.world import World
from lab.play.memory import Memory
from lab.play.runner import Mode, play
from lab.serve.exchange import BODY_LIMIT
from tests.memory.test_platform import REFUSED, Lab, TwoRegions, told

NOTHING: Final[dict[str, list[Any]]] = {"hsms": [], "source_hsms": [], "failover_hsms": []}
PARTS: Final = {"key_parts": ["11" * 32, "22" * 32]}


@pytest.fixture
def lab() -> Lab:
    """A fresh one: ``keys`` is initialised and open, ``archive`` neither."""
    return Lab()


def units(lab: Lab, instance: str, plane: Plane, *, region: str = "", **more: Any) -> httpx.Response:
    """Ask a region's TKE, by default the instance's, for its crypto units."""
    door = tke(region or lab.world.instances[instance].region, plane)
    return lab.ask(door, "GET", f"/v1/tke/{lab.guid(instance)}/hsms", **more)


def load(lab: Lab, instance: str, plane: Plane, **more: Any) -> httpx.Response:
    """Ask the instance's TKE to load a master key."""
    door = tke(lab.world.instances[instance].region, plane)
    return lab.ask(door, "POST", f"/v1/tke/{lab.guid(instance)}/master-key", **{"json": PARTS} | more)


def registers(answer: httpx.Response) -> set[str]:
    """Return what the units that are listed say of their current master key."""
    return {unit["current_master_key"] for unit in answer.json()["hsms"]}


def test_a_missing_instance_is_no_error_and_the_log_says_why(lab: Lab) -> None:
    """Under private-only, before initialisation and after it: 200 with nothing outside, the units inside."""
    for register in ("Empty", "Valid"):
        outside = units(lab, "archive", Plane.PUBLIC)
        assert (outside.status_code, outside.json()) == (200, NOTHING)
        said = lab.lines[-1]
        assert (said["decision"], said["rule"], said["plane"]) == ("deny", "policy.private-only", "public")
        assert told(load(lab, "archive", Plane.PUBLIC)) == (401, REFUSED)
        assert registers(units(lab, "archive", Plane.PRIVATE)) == {register}
        assert lab.lines[-1]["decision"] == "allow"
        load(lab, "archive", Plane.PRIVATE)


def test_a_loaded_key_serves_key_management_and_is_loaded_once(lab: Lab) -> None:
    """From then on keys are kept, and a second load is a conflict."""
    door = kms(lab.world.instances["archive"], Plane.PRIVATE)

    def keys() -> int:
        return lab.ask(door, "GET", "/api/v2/keys", headers={"bluemix-instance": lab.guid("archive")}).status_code

    assert keys() == 400
    assert registers(load(lab, "archive", Plane.PRIVATE)) == {"Valid"}
    assert keys() == 200
    assert load(lab, "archive", Plane.PRIVATE).status_code == 409


def test_instances_have_no_crypto_unit_in_common(lab: Lab) -> None:
    """Whose units are listed can be told from the list."""
    load(lab, "archive", Plane.PRIVATE)
    one, other = (
        {unit["hsm_id"] for unit in units(lab, instance, Plane.PRIVATE).json()["hsms"]}
        for instance in ("keys", "archive")
    )
    assert one
    assert one.isdisjoint(other)


@pytest.mark.parametrize("account", ["rival", ""], ids=["stranger", "nobody"])
@pytest.mark.parametrize("plane", Plane)
def test_tke_tells_strangers_nothing(lab: Lab, plane: Plane, account: str) -> None:
    """The common refusal on either plane, also where the owner's list would be empty."""
    for instance in ("keys", "archive"):
        assert told(units(lab, instance, plane, account=account)) == (401, REFUSED)
        assert told(load(lab, instance, plane, account=account)) == (401, REFUSED)


def test_a_region_has_its_own_tke(lab: Lab) -> None:
    """Another's knows no such instance."""
    assert told(units(lab, "keys", Plane.PRIVATE, region="eu-de")) == (401, REFUSED)
    assert lab.lines[-1]["rule"] == "instance.unknown"


@pytest.mark.parametrize(
    "method,path,status,allow",
    [
        ("POST", "/v1/tke/{guid}/hsms", 405, "GET"),
        ("GET", "/v1/tke/{guid}/master-key", 405, "POST"),
        ("POST", "/v1/tke/{guid}/hsms/1", 404, None),
        ("GET", "/v1/tke/{guid}", 404, None),
    ],
)
def test_what_tke_has_not_is_said(lab: Lab, method: str, path: str, status: int, allow: str | None) -> None:
    """By path and by method; signed commands to a unit among it."""
    answer = lab.ask(tke("us-south", Plane.PRIVATE), method, path.format(guid=lab.guid()))
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)


def test_what_is_too_long_for_anybody_is_too_long_for_tke(lab: Lab) -> None:
    """It reads no further than anybody may send, and says so; nothing is loaded."""
    assert load(lab, "archive", Plane.PRIVATE, json=None, content=b"x" * (BODY_LIMIT + 1)).status_code == 413
    assert registers(units(lab, "archive", Plane.PRIVATE)) == {"Empty"}


def test_key_parts_are_in_no_answer_and_in_no_log_line(lab: Lab) -> None:
    """Neither they nor their sum."""
    said = load(lab, "archive", Plane.PRIVATE).text + str(lab.lines) + units(lab, "archive", Plane.PRIVATE).text
    assert not [secret for secret in ("11" * 16, "22" * 16, "33" * 16) if secret in said]


class _Trusting(Memory):
    """A cloud that leaves the policy out for TKE's requests."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._cloud.enforced_on.discard(Surface.TKE)


def test_a_tke_that_leaves_nothing_out_is_contradicted() -> None:
    """In memory, too: the units are listed, the key is loaded, and other surfaces are refused still."""
    report = play(catalogue.load_scenario("provisioned_private_only"), Mode.MEMORY, backend=_Trusting)
    wrong = [step.predicted.cause for step in report.steps if step.why and step.predicted]
    assert wrong[:2] == ["tke.left-out", "instance.initialise-privately"]


def test_a_policy_that_was_set_by_a_call_leaves_the_instance_out() -> None:
    """From that moment, and not after it was taken back."""
    outside, inside = Call.tke_public("laptop", "keys"), Call.private("vsi-1", "keys")
    not_here = Outcome.UNAUTHORIZED.because("instance.initialise-privately")
    steps = (
        Step("listed", outside, Outcome.REACHED),
        Step("locked", SetPolicy(Policy.PRIVATE_ONLY, by=inside), Outcome.REACHED),
        Step("left out", outside, Outcome.NOT_LISTED.because("tke.left-out")),
        Step("not loaded", outside.to(Operation.INITIALISE), not_here),
        Step("open", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=inside), Outcome.REACHED),
        Step("listed again", outside, Outcome.REACHED),
    )
    report = play(Scenario(name="x", topology=TwoRegions(), steps=steps), Mode.MEMORY)
    assert [step.why for step in report.steps if step.why] == []


def test_an_instance_without_a_key_is_shown_where_no_policy_stands() -> None:
    """Whoever is to initialise it must find it: on both planes, as long as nothing forbids it."""
    both = (Call.tke_public("laptop", "keys"), Call.tke_private("vsi-1", "keys"))
    steps = tuple(Step(f"shown on the {call.plane.value} plane", call, Outcome.REACHED) for call in both)
    bare = Scenario(topology=topology("single_account", initialised=False), steps=steps)
    assert play(bare, Mode.MEMORY).agreed
