"""Rehearsals on a lab that is up: a scenario where it can begin, a matrix at any time, and neither in anybody's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lab.live.attached import Attached
from lab.live.guest import Guest
from lab.live.registry import Registry
from tests.junit import fits
from tests.live.staying import Home, a_home
from tests.live.terminals import Terminal
from tests.live.waiting import PATIENCE_S

pytestmark = pytest.mark.live
LOCKOUT = "private_only_lockout"


@pytest.fixture
def home() -> Iterator[Home]:
    """A runtime folder with one lab, called mine."""
    with a_home() as made:
        made.up("--name", "mine")
        yield made


def changed(home: Home) -> list[str]:
    """Return how the lab is another than it was, as `status` says it."""
    document: dict[str, list[str]] = json.loads(home.pelab("status", "mine", "--json").stdout)
    return document["changed"]


def test_a_scenario_is_played_on_a_lab_that_is_up_and_once(home: Home, tmp_path: Path) -> None:
    """With three voices, and a report; then the lab is another, as status and the next play say with the way out."""
    assert changed(home) == []
    cases = tmp_path / "pelab.xml"
    done = home.pelab("play", LOCKOUT, "--lab", "mine", "--junit", str(cases))
    assert done.returncode == 0, done.stderr
    assert "✔ 7 agreed (three voices, VRF by policy-tables)" in done.stdout
    again = "pelab down mine; pelab up -d single_account --name mine"
    assert f"mine is not in its first state any more (instance keys was changed: policy): {again}\n" in done.stdout
    fits(ET.parse(cases).getroot())
    assert changed(home) == ["instance keys was changed: policy"]
    status = home.pelab("status", "mine").stdout
    assert "changed    instance keys was changed: policy\n" in status
    assert "keys  us-south, account acme, public-and-private\n" in status
    second = home.pelab("play", LOCKOUT, "--lab", "mine")
    assert (second.returncode, second.stdout) == (2, "")
    told = f"error: lab mine: it is not in its first state any more: instance keys was changed: policy ({again})\n"
    assert second.stderr == told
    for command in again.split("; "):
        assert home.pelab(*command.split()[1:]).returncode == 0
    assert home.pelab("play", LOCKOUT, "--lab", "mine").returncode == 0


def test_a_scenario_that_leaves_things_as_they_were_can_be_played_again(home: Home, tmp_path: Path) -> None:
    """What counts is what the lab is like, and not what was done to it."""
    path = tmp_path / "asks.py"
    path.write_text(
        '"""Asks."""\nfrom lab import Call, Outcome, Scenario, Step, topology\n'
        'SCENARIO = Scenario(topology=topology("single_account"), steps=(\n'
        '    Step("asks", Call.private("vsi-1", "keys"), Outcome.REACHED),))\n'
    )
    for _ in range(2):
        done = home.pelab("play", str(path), "--lab", "mine")
        assert (done.returncode, done.stderr) == (0, "")
        assert "first state" not in done.stdout
    assert changed(home) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        pytest.param(
            ["play", "missing_private_route", "--lab", "mine"], 2,
            "error: lab mine: it is of another topology, or has other parameters, than the scenario begins with "
            "(pelab down mine; pelab up -d single_account --set private_route=false --name mine)",
            id="other-parameters",
        ),
        pytest.param(["play", LOCKOUT, "--lab", "mien"], 2, "did you mean 'mine'?", id="misspelt-lab"),
        pytest.param(["play", LOCKOUT, "--lab", "mine", "--memory"], 2, "--memory is none", id="memory"),
        pytest.param(["play", LOCKOUT, LOCKOUT, "--lab", "mine"], 2, "one scenario at a time", id="two-scenarios"),
        pytest.param(["matrix", "single_account", "--lab", "mine"], 2, "leave TOPOLOGY and --set out", id="topology"),
        pytest.param(["matrix"], 2, "Missing argument 'TOPOLOGY', or --lab LAB", id="neither"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_what_mends_it(one: Home, arguments: list[str], status: int, said: str) -> None:
    """And the lab is as before."""
    done = one.pelab(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert changed(one) == []


@pytest.fixture(scope="module")
def one() -> Iterator[Home]:
    """A runtime folder with a lab called mine that is only asked."""
    with a_home() as made:
        made.up("--name", "mine")
        yield made


def test_a_matrix_changes_nothing(one: Home) -> None:
    """Twice the same, all agreed, and the lab is in its first state afterwards."""
    first, second = (json.loads(one.pelab("matrix", "--lab", "mine", "--json").stdout) for _ in range(2))
    for made in (first, second):
        assert (made["topology"], made["mode"], made["agreed"], len(made["cells"])) == ("mine", "live", True, 8)
        assert all(cell["measured"] == cell["predicted"] for cell in made["cells"])
    assert changed(one) == []


def test_a_matrix_measures_a_lab_as_it_is(home: Home) -> None:
    """A route that a program took away is said beside the model, which does not know; a policy is read anew."""
    assert home.pelab("exec", "mine", "vsi-1", "--", "ip", "route", "del", "166.9.0.0/16").returncode == 0
    done = home.pelab("matrix", "--lab", "mine")
    assert done.returncode == 1
    gone = "vsi-1: missing route 166.9.0.0/16 via 10.65.0.65 dev eth0"
    assert done.stderr == f"beyond the model: {gone}\n"
    assert "measured timed-out (internet.no-private-service); the measurement stands alone" in done.stdout
    assert changed(home) == [gone]
    refused = home.pelab("play", LOCKOUT, "--lab", "mine")
    assert refused.returncode == 2
    assert f"it is not in its first state any more: {gone} (pelab down mine; " in refused.stderr


LOCK = """
import http.client, json, os, socket, ssl, urllib.parse
def ask(method, url, body, port=0, **headers):
    where = urllib.parse.urlsplit(url)
    door = http.client.HTTPSConnection(where.hostname, where.port)
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.bind(("", port))
    link.connect((where.hostname, where.port or 443))
    door.sock = ssl.create_default_context().wrap_socket(link, server_hostname=where.hostname)
    door.request(method, f"{where.path}?{where.query}", body, headers)
    answer = door.getresponse()
    assert answer.status < 300, answer.status
    return answer.read()
form = "grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=" + os.environ["IBMCLOUD_API_KEY"]
token = json.loads(ask("POST", os.environ["PELAB_IAM_PRIVATE"] + "/identity/token", form.encode(),
    **{"content-type": "application/x-www-form-urlencoded"}))["access_token"]
policy = {"metadata": {"collectionType": "application/vnd.ibm.kms.policy+json", "collectionTotal": 1}, "resources": [{
    "policy_type": "allowedNetwork",
    "policy_data": {"enabled": True, "attributes": {"allowed_network": "private-only"}}}]}
headers = {"authorization": f"Bearer {token}", "bluemix-instance": os.environ["KP_INSTANCE_ID"],
           "correlation-id": os.environ.get("NUMBER", "mine")}
url = os.environ["PELAB_KMS_PRIVATE"] + "/api/v2/instance/policies?policy=allowedNetwork"
ask("PUT", url, json.dumps(policy).encode(), int(os.environ.get("FROM", "0")), **headers)
"""


def test_what_a_program_does_to_the_services_is_seen(home: Home) -> None:
    """By the services' log: the lab is not as it was, and the matrix predicts by the policy that the owner reads."""
    told = home.pelab("exec", "mine", "vsi-1", "--", "sh", "-c", f"python3 -c '{LOCK}'")
    assert told.returncode == 0, told.stderr + home.pelab("exec", "mine", "vsi-1", "--", "env").stdout
    written = "a program changed the services: PUT /api/v2/instance/policies from 166.11.0.1"
    assert changed(home) == [written]
    done = home.pelab("matrix", "--lab", "mine", "--json")
    document = json.loads(done.stdout)
    assert (document["agreed"], done.stderr) == (True, f"beyond the model: {written}\n")
    assert "unauthorized" in {cell["measured"] for cell in document["cells"]}
    assert home.pelab("play", LOCKOUT, "--lab", "mine").returncode == 2


def test_a_program_does_not_pass_for_the_lab(home: Home) -> None:
    """Who asks from a port of the lab's, and under a number that its log line showed, is seen all the same."""
    document = json.loads(home.pelab("matrix", "--lab", "mine", "--json").stdout)
    evidence = [one for cell in document["cells"] if cell["call"]["by"] == "vsi-1" for one in cell["evidence"]]
    lines = [json.loads(one["detail"]) for one in evidence if one["kind"] == "service-log"]
    line = next(line for line in lines if line["surface"] == "ep11")  # from there to another door nobody has asked yet
    assert changed(home) == []
    words = ["env", f"FROM={line['caller_port']}", f"NUMBER={line['request_id']}", "sh", "-c", f"python3 -c '{LOCK}'"]
    told = home.pelab("exec", "mine", "vsi-1", "--", *words)
    assert told.returncode == 0, told.stderr
    written = "a program changed the services: PUT /api/v2/instance/policies from 166.11.0.1"
    assert changed(home) == [written]


def test_two_rehearsals_at_once_are_refused(one: Home) -> None:
    """They would measure each other's changes; the second is told, and may come when the first has ended."""
    with Registry(one.labs) as labs, Attached(labs, labs.find("mine")) as lab:
        with Guest(lab, lab.inspect().world):
            refused = one.pelab("matrix", "--lab", "mine")
            assert refused.returncode == 2
            assert "error: this lab: another command rehearses on it (wait for its end, or bring up" in refused.stderr
        assert one.pelab("matrix", "--lab", "mine").returncode == 0
    with Registry(one.labs) as labs, Attached(labs, labs.find("mine")) as lab:
        Guest(lab, lab.inspect().world).__enter__()
    assert one.pelab("matrix", "--lab", "mine").returncode == 0, "whose conversation ended holds nothing"


def test_a_terminal_is_told_what_is_waited_for(one: Home) -> None:
    """While the lab comes up, and at each step; each line goes before the next is printed."""
    screen = Terminal()
    client = one.on(screen, "play", LOCKOUT, "--live", env={**one.options()["env"], "TERM": "xterm"})
    told = screen.until(b"7 agreed")
    assert client.wait(PATIENCE_S) == 0
    os.close(screen.master)
    assert f"\r\x1b[K{LOCKOUT}: bringing the lab up ...\r\x1b[K".encode() in told
    assert f"\r\x1b[K{LOCKOUT}: step 7 of 7: and the laptop is served again ...\r\x1b[K".encode() in told


@pytest.mark.parametrize("line", ["pelab play --lab mi", "pelab matrix --lab mi"])
def test_labs_complete(one: Home, line: str) -> None:
    """Where one may be named."""
    words = line.split(" ")
    options = one.options(input="", capture_output=True, text=True)
    asked = {"_PELAB_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    options["env"] = {**options["env"], **asked}
    done = subprocess.run([sys.executable, "-m", "lab"], check=False, **options)
    assert (done.stdout, done.stderr) == ("plain,mine\n", "")
