"""An explanation tells the way, the rule with its section, and the command that mends the first missing thing."""

from __future__ import annotations

import io
import json

import pytest

from lab.catalogue import load_topology
from lab.cli.main import main
from lab.model.call import PLAINEST, Call
from lab.model.outcome import Prerequisite
from lab.model.plane import Plane, Surface
from lab.report.explain import explain, show
from lab.report.remedy import remedy
from lab.report.screen import screen


def told(by: str = "vsi-1", plane: Plane = Plane.PRIVATE, **parameters: object) -> str:
    """Return the explanation of a call as text, as a pipe gets it."""
    world = load_topology("single_account", **parameters).world()
    page = io.StringIO()
    show(screen(page), explain(world, Call(by=by, instance="keys", plane=plane)))
    return page.getvalue()


@pytest.mark.parametrize(
    "parameters,missing,command",
    [
        pytest.param({"vrf": False}, "vrf", "ibmcloud account update --service-endpoint-enable true", id="no-vrf"),
        pytest.param({"service_endpoints": False}, "service-endpoints", "ibmcloud account update", id="no-endpoints"),
        pytest.param(
            {"private_route": False}, "route", "route add -net 166.9.0.0/16 gw 10.65.0.65 dev eth0", id="no-route"
        ),
        pytest.param({"initialised": False}, "initialised", "ibmcloud tke auto-init", id="not-initialised"),
    ],
)
def test_names_what_is_missing_and_mends_it(parameters: dict[str, object], missing: str, command: str) -> None:
    """Each prerequisite is named when it is the first that is missing, with a command that can be copied."""
    lines = [" ".join(line.split()) for line in told("vsi-1", Plane.PRIVATE, **parameters).splitlines()]
    assert f"missing {missing}" in lines
    assert any(line.startswith(f"$ {command}") for line in lines)


def test_a_locked_out_laptop_is_sent_inside() -> None:
    """Under private-only the remedy says that the policy can be changed from a VSI only."""
    text = told("laptop", Plane.PUBLIC, policy="private-only")
    assert "policy.private-only" in text
    assert "from within: on vsi-1" in text
    assert 'by=Call.private("vsi-1", "keys")' in text


def test_a_served_call_misses_nothing() -> None:
    """The rule is cited with its section, and no remedy is invented."""
    text = told()
    assert "#public-and-private" in text
    assert "missing" not in text


def test_a_pipe_gets_neither_colour_nor_folded_lines() -> None:
    """In a file every fact is one line."""
    text = told(vrf=False)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 100


@pytest.mark.parametrize("missing", [each for each in Prerequisite if each is not Prerequisite.FIREWALL])
@pytest.mark.parametrize("by", ["vsi-1", "laptop"])
@pytest.mark.parametrize("surface", [*PLAINEST])
def test_every_prerequisite_has_a_remedy(missing: Prerequisite, by: str, surface: Surface) -> None:
    """Whoever asks and whatever is missing, there is something to type and something to write."""
    world = load_topology("single_account").world()
    mends = remedy(world, Call(by=by, instance="keys", plane=Plane.PRIVATE, surface=surface), missing)
    assert mends.what
    assert mends.command
    assert "(" in mends.step


def test_a_closed_appliance_is_to_be_opened_by_its_owner() -> None:
    """It is named with the network that it must permit, and no step of a scenario is invented."""
    world = load_topology("data_center", permits_services=False).world()
    call = Call(by="inner-vsi", instance="keys", plane=Plane.PRIVATE)
    mends = remedy(world, call, Prerequisite.FIREWALL)
    assert mends.what.startswith("permit 166.8.0.0/14 in the firewall of gateway")
    assert "166.8.0.0/14" in mends.command
    assert not mends.step


def test_a_host_on_premises_is_told_of_both_its_ways() -> None:
    """The public endpoint, and for the private one what the Direct Link needs."""
    world = load_topology("data_center").world()
    mends = remedy(world, Call(by="mainframe", instance="keys", plane=Plane.PRIVATE), Prerequisite.ENDPOINT)
    assert "target the public endpoint" in mends.what
    assert "reverse proxy on a VSI" in mends.what


def test_grep11_is_explained_and_its_endpoint_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The plainest call of the surface, its own door, its own variable, and its own step."""
    command = ["explain", "single_account", "laptop", "keys", "--surface", "ep11", "--json"]
    assert main([*command, "--plane", "private"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["call"]["surface"], document["call"]["operation"]) == ("ep11", "list-mechanisms")
    assert document["missing"] == "endpoint"
    mends = document["remedy"]
    assert mends["command"] == "export GREP11_ADDRESS=ep11.us-south.hs-crypto.cloud.ibm.com:9043"
    assert mends["step"] == 'Call.ep11_public("laptop", "keys")'
    assert main([*command, "--plane", "public", "--set", "policy=private-only"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "policy.both-apis"


@pytest.mark.parametrize(
    "surface,operation,cause",
    [("console", "list-keys", "policy.not-in-the-ui"), ("broker", "get-instance", "broker.served")],
)
def test_shared_doors_are_explained_on_the_plane_that_they_have(
    surface: str, operation: str, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody need say that it is the public one; who says private is told that there is none."""
    command = ["explain", "single_account", "vsi-1", "keys", "--surface", surface, "--set", "policy=private-only"]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["call"]["plane"], document["call"]["operation"], document["cause"]) == ("public", operation, cause)
    assert main([*command, "--plane", "private"]) == 2
    assert f"there is no {surface} on the private network" in capsys.readouterr().err


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The document has the keys that docs/json.md names."""
    assert main(["explain", "single_account", "vsi-1", "keys", "--set", "vrf=no", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["predicted"] == "timed-out"
    assert document["cause"] == "edge.no-vrf"
    assert document["missing"] == "vrf"
    assert document["rule"]["mark"] == "assumed"
    assert set(document) == {"call", "predicted", "cause", "rule", "hops", "missing", "remedy"}


def test_a_tools_variable_is_explained_and_mended(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the value leads, why that fails, and the export that goes to the host's own side; alone it is unset."""
    command = ["explain", "single_account", "vsi-1", "keys", "--json", "--env"]
    assert main([*command, "KP_PRIVATE_ADDR"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["predicted"], document["cause"]) == ("unauthorized", "door.other-instance")
    assert document["call"]["setting"] == "KP_PRIVATE_ADDR unset"
    mended = "https://api.private.us-south.hs-crypto.cloud.ibm.com:9042"
    assert document["remedy"]["command"] == f"export KP_PRIVATE_ADDR={mended}"
    assert document["remedy"]["step"] == f'Call.kp("vsi-1", "keys", address="{mended}")'
    assert main([*command, f"KP_PRIVATE_ADDR={mended}"]) == 0
    assert json.loads(capsys.readouterr().out)["predicted"] == "reached"


@pytest.mark.parametrize(
    "value,why",
    [
        ("KP_PRVATE_ADDR=x", "no tool reads 'KP_PRVATE_ADDR' (did you mean 'KP_PRIVATE_ADDR'?)"),
        (
            "KP_PRIVATE_ADDR=https://api.us-suoth.hs-crypto.cloud.ibm.com:9042",
            "(did you mean 'https://api.us-south",
        ),
    ],
)
def test_a_slip_in_a_variable_is_one_line(capsys: pytest.CaptureFixture[str], value: str, why: str) -> None:
    """The name or the endpoint that is nearest."""
    assert main(["explain", "single_account", "vsi-1", "keys", "--env", value]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert why in said.err


@pytest.mark.parametrize("more", [["--surface", "ep11"], ["--plane", "private"]])
def test_a_variable_says_surface_and_plane(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    """What is said beside it would be left aside in silence."""
    assert main(["explain", "single_account", "vsi-1", "keys", "--env", "KP_PRIVATE_ADDR", *more]) == 2
    assert "the variable says both" in capsys.readouterr().err


@pytest.mark.parametrize(("host", "plane"), [("vsi-1", "private"), ("laptop", "public")])
def test_a_call_is_by_default_to_the_hosts_own_side(capsys: pytest.CaptureFixture[str], host: str, plane: str) -> None:
    """As in a test's assertions: the same question has the same answer."""
    assert main(["explain", "single_account", host, "keys", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["call"]["plane"] == plane


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        (["set-policy"], "policy.private-endpoint-served"),
        (["unwrap"], "key.unknown"),
        (["initialise", "--surface", "tke"], "instance.initialised-already"),
        (["get-policy", "--surface", "console"], "policy.not-in-the-ui"),
    ],
)
def test_any_operation_of_a_surface_is_explained(
    asked: list[str], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a surface is asked decides, too: a key that is not there, a master key that is."""
    command = ["explain", "single_account", "vsi-1", "keys", "--set", "policy=private-only", "--json"]
    assert main([*command, "--operation", *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["call"]["operation"], told["cause"]) == (asked[0], cause)


def test_an_instance_need_not_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the one of the host's account then, as in the host's own environment."""
    assert main(["explain", "two_accounts", "globex-vsi-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["call"]["instance"] == "globex-keys"
    assert main(["explain", "single_account", "vsi-1", "--set", "instance=no"]) == 2
    assert "there is no instance that vsi-1 could call" in capsys.readouterr().err
