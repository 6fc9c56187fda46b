"""What is another in a lab than it was is told by name, and what only looks at things is nobody's change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import catalogue, topology
from lab.cli.upon import again, anew
from lab.describe.scenario import Scenario
from lab.live import firststate
from lab.live.entry import Entry
from lab.model.action import BringZoneBack, EnableVrf, Provision, Reboot, SetPolicy, TakeZoneDown, apply, effect
from lab.model.call import Call, Operation
from lab.model.plane import Policy

WORLD = catalogue.load_topology("single_account").world()
OURS = {"1"}
"""Numbers under which the lab asked."""
PUT = {
    "surface": "kms", "decision": "allow", "method": "PUT", "path": "/api/v2/instance/policies",
    "caller": "10.65.0.66", "caller_port": 40000, "request_id": "2",
}  # fmt: skip


def test_what_was_changed_is_named() -> None:
    """A line for each thing; what was changed back is as it was."""
    assert list(firststate.changed(WORLD, WORLD)) == []
    more = apply(WORLD, Provision(instance="more", account="acme", region="us-south"))
    down = apply(more, TakeZoneDown(zone="us-south-1"))
    assert list(firststate.changed(WORLD, down)) == ["instance more was added", "zone us-south-1 is down"]
    assert list(firststate.changed(more, apply(down, BringZoneBack(zone="us-south-1")))) == []
    assert list(firststate.changed(WORLD, WORLD.with_blob("k", "keys"))) == ["GREP11 key k was made"]
    bare = catalogue.load_topology("single_account", vrf=False).world()
    assert list(firststate.changed(bare, apply(bare, EnableVrf(account="acme")))) == ["account acme was changed: vrf"]
    inside = Call.private("vsi-1", "keys")
    locked = effect(WORLD, SetPolicy(Policy.PRIVATE_ONLY, by=inside))
    used = effect(effect(locked, inside.to(Operation.CREATE)), inside.to(Operation.WRAP))
    assert list(firststate.changed(WORLD, used)) == ["instance keys was changed: policy, keys, wrapping keys"]
    walled = catalogue.load_topology("data_center").world()
    (name, closed), *_ = walled.gateways.items()
    opened = replace(walled, gateways={**walled.gateways, name: replace(closed, permits_services=False)})
    assert list(firststate.changed(walled, opened)) == [f"gateway {name} was changed: permits services"]
    assert list(firststate.changed(WORLD, apply(WORLD, Reboot(host="vsi-1")))) == []


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        pytest.param({}, True, id="policy"),
        pytest.param({"method": "POST", "path": "/api/v2/keys"}, True, id="key"),
        pytest.param({"method": "DELETE", "path": "/api/v2/keys/1"}, True, id="deletion"),
        pytest.param({"method": "GET"}, False, id="looked"),
        pytest.param({"decision": "deny"}, False, id="refused"),
        pytest.param({"method": "POST", "path": "/api/v2/keys/1/actions/wrap"}, False, id="wrapped"),
        pytest.param({"surface": "iam", "method": "POST", "path": "/identity/token"}, False, id="token"),
        pytest.param({"request_id": "1"}, False, id="the-labs-own"),
        pytest.param({"surface": "tke", "method": "POST", "path": "/v1/tke/g/master-key"}, True, id="master-key"),
        pytest.param({"surface": "console", "method": "POST"}, True, id="in-the-console"),
        pytest.param({"caller": "console/public", "caller_port": 0}, False, id="of-the-console-in-its-turn"),
        pytest.param({"surface": "ep11", "method": "POST"}, False, id="grep11"),
    ],
)
def test_a_program_that_changed_the_services_is_told_from_others(said: dict[str, object], changes: bool) -> None:
    """By the services' log alone: who asked for what, and whether it was allowed."""
    assert bool(firststate.written({**PUT, **said}, OURS.__contains__)) is changes


def test_the_way_out_can_be_typed() -> None:
    """The lab of a scenario's topology and parameters, in a command line's words; the lab as it was, under its name."""
    entry = Entry(name="mine", topology="single_account", settings=["region=eu de"], detached=True)
    named = topology("single_account", vrf=False, policy=Policy.PRIVATE_ONLY, service_endpoints=None, vsis=2)
    wanted = "--set vrf=false --set policy=private-only --set service_endpoints=none --set vsis=2"
    scenario = Scenario(topology=named, steps=())
    assert anew(entry, scenario) == f"pelab down mine; pelab up -d single_account {wanted} --name mine"
    assert again(entry) == "pelab down mine; pelab up -d single_account --set 'region=eu de' --name mine"
    whole = Scenario(topology=catalogue.load_topology("two_accounts"), steps=())
    assert "pelab up -d two_accounts --set vsis=1 --set vrf=true " in anew(entry, whole)
