"""Clients that nobody here wrote are the judges: the ``keyprotect`` SDK and curl, as programs in hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Call, Netlink, Operation, Outcome, Policy, SetPolicy, TakeZoneDown, catalogue
from lab.describe import environment
from lab.live.client import LiveLab
from lab.model.endpoint import iam, kms, tke
from lab.model.plane import Plane, Surface

REFUSED = "Unauthorized: The user does not have access to the specified resource"
DOCUMENTS = {(401, REFUSED): Outcome.UNAUTHORIZED}
BROKEN = {
    "No connection adapters were found": Outcome.NOT_SENT,
    "Connection aborted": Outcome.TLS_FAILED,
}
UNANSWERED = {28: Outcome.TIMED_OUT, 1: Outcome.TLS_FAILED}
"""What curl's exit status means: it got no connection, or what came was no HTTP/1."""
NOT_CURLS = ("without a scheme",)
"""Where curl is no such client: it guesses a scheme."""
ROOT = Path(__file__).resolve().parents[2]
SDK = Path(sys.prefix) / "clients" / "keyprotect"
CLIENT = Path(__file__).with_name("keyprotect_client.py")
GREP11_CLIENT = Path(__file__).with_name("grep11_client.py")
NOT_AUTHENTICATED = {"status": "UNAUTHENTICATED", "code": "0x80040001", "detail": REFUSED, "text": REFUSED}


@pytest.fixture(scope="module")
def lab() -> Iterator[LiveLab]:
    """A ready account on a live network."""
    with LiveLab(catalogue.load_topology("single_account")) as made:
        yield made


def run_sdk(lab: LiveLab, host: str, what: str, plane: Plane, token_from: Plane) -> subprocess.CompletedProcess[str]:
    """Run the SDK in ``host`` against one plane's key management, with a token from one plane's IAM."""
    assert (SDK / "keyprotect").is_dir(), "bin/setup installs the SDK into the environment's clients folder"
    url = kms(lab.world.instances["keys"], plane).url
    return run_at(lab, host, what, url, iam(token_from).url)


def run_at(
    lab: LiveLab, host: str, what: str, url: str | None, iam_url: str, *, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the SDK in ``host`` where KP_PRIVATE_ADDR is ``url``; None: it is unset."""
    command = [sys.executable, str(CLIENT), what, iam_url]
    variable = {} if url is None else {"KP_PRIVATE_ADDR": url}
    return lab.host(host).run(command, env={"PYTHONPATH": str(SDK), **variable}, timeout_s=timeout_s)


def sdk(lab: LiveLab, host: str, what: str, plane: Plane) -> dict[str, object]:
    """Run the SDK in ``host`` against one plane's endpoints and return what it printed."""
    done = run_sdk(lab, host, what, plane, plane)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_the_sdk_lives_a_keys_life_at_the_private_endpoint_and_is_refused_outside_after_private_only(
    lab: LiveLab,
) -> None:
    """Inside it creates, lists, wraps, unwraps and deletes; outside it works until private-only, then gets the 401."""
    whole = {"listed": True, "plaintext": "c2VjcmV0", "left": []}
    assert sdk(lab, "vsi-1", "life", Plane.PRIVATE) == whole
    assert sdk(lab, "laptop", "life", Plane.PUBLIC) == whole
    lock = SetPolicy(Policy.PRIVATE_ONLY, by=Call.private("vsi-1", "keys"))
    assert lab.ask(lock).outcome is Outcome.REACHED
    assert sdk(lab, "laptop", "list", Plane.PUBLIC) == {"status": 401, "message": REFUSED}
    assert sdk(lab, "vsi-1", "list", Plane.PUBLIC) == {"status": 401, "message": REFUSED}
    assert sdk(lab, "vsi-1", "life", Plane.PRIVATE) == whole


def test_the_sdk_with_iam_still_public_dies_where_there_is_no_public_way() -> None:
    """Key calls private, IAM public: it works while there is a public way, and that is why nobody notices."""
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        assert run_sdk(lab, "vsi-1", "list", Plane.PRIVATE, Plane.PUBLIC).returncode == 0
        assert lab.act(Netlink("vsi-1").route("del", dst="default")).vacuous == ""
        half = run_sdk(lab, "vsi-1", "list", Plane.PRIVATE, Plane.PUBLIC)
        assert half.returncode != 0
        assert "Network is unreachable" in half.stderr
        assert run_sdk(lab, "vsi-1", "list", Plane.PRIVATE, Plane.PRIVATE).returncode == 0


def test_the_pages_own_commands_open_the_way_and_show_it() -> None:
    """Step 1 word for word, by net-tools: `route add`, `route -n`; and then the private endpoint answers by name."""
    with LiveLab(catalogue.load_topology("single_account", private_route=False), capture=False) as lab:
        vsi, gateway = lab.host("vsi-1"), "10.65.0.65"
        ask = ["sh", "-c", 'curl -sS -m 4 -o /dev/null "$PELAB_KMS_PRIVATE"']
        assert "166.9.0.0" not in vsi.run(["route", "-n"], check=True).stdout
        assert vsi.run(ask).returncode == 28
        vsi.run(["route", "add", "-net", "166.9.0.0/16", "gw", gateway, "dev", "eth0"], check=True)
        shown = [line.split() for line in vsi.run(["route", "-n"], check=True).stdout.splitlines()]
        assert ["166.9.0.0", gateway, "255.255.0.0", "UG", "0", "0", "0", "eth0"] in shown
        vsi.run(ask, check=True)


def test_curl_tries_the_next_zone() -> None:
    """With the first zone down it waits for its address in vain, and is served at the second one's."""
    ask = 'curl -sS --connect-timeout 8 -o /dev/null -w "%{remote_ip}" "$PELAB_IAM_PRIVATE/identity/keys"'
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        first, second, _ = iam(Plane.PRIVATE).addresses
        assert lab.host("vsi-1").run(["sh", "-c", ask], check=True).stdout == str(first)
        assert lab.act(TakeZoneDown(zone="us-south-1")).vacuous == ""
        assert lab.host("vsi-1").run(["sh", "-c", ask], check=True).stdout == str(second)


def grpcio(lab: LiveLab, host: str, plane: Plane) -> dict[str, object]:
    """Run gRPC's own client in ``host`` against one plane's endpoints and return what it printed."""
    assert (SDK / "grpc").is_dir(), "bin/setup installs grpcio into the environment's clients folder"
    where = environment.of(lab.world, lab.world.hosts[host], "")[f"PELAB_EP11_{plane.name}"]
    command = [sys.executable, str(GREP11_CLIENT), where, iam(plane).url]
    done = lab.host(host).run(command, env={"PYTHONPATH": str(SDK)}, input="ask\n", timeout_s=60)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    assert told.pop("connected") == 1
    return told


def test_grpcs_own_client_uses_a_key_at_both_endpoints_and_is_refused_outside_after_private_only() -> None:
    """Old and new fields, the lab's authority by the host's environment; then one Grep11Error, and no more outside."""
    whole = {"mechanisms": ["0x1080", "0x1082", "0x1085"], "plain": "secret", "sealed": 16}
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        assert grpcio(lab, "vsi-1", Plane.PRIVATE) == whole
        assert grpcio(lab, "laptop", Plane.PUBLIC) == whole
        lock = SetPolicy(Policy.PRIVATE_ONLY, by=Call.private("vsi-1", "keys"))
        assert lab.ask(lock).outcome is Outcome.REACHED
        assert grpcio(lab, "laptop", Plane.PUBLIC) == NOT_AUTHENTICATED
        assert grpcio(lab, "vsi-1", Plane.PUBLIC) == NOT_AUTHENTICATED
        assert grpcio(lab, "vsi-1", Plane.PRIVATE) == whole


ASK_CONSOLE = r"""
token=$(curl -sS "$PELAB_IAM_PUBLIC/identity/token" -d grant_type=urn:ibm:params:oauth:grant-type:apikey \
  -d "apikey=$IBMCLOUD_API_KEY" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -sS -w "\n%{http_code}" -H "authorization: Bearer $token" "$PELAB_CONSOLE/services/hs-crypto/$KP_INSTANCE_ID/$1"
"""
ASK_BROKER = ASK_CONSOLE.replace("$PELAB_CONSOLE/services/hs-crypto/$KP_INSTANCE_ID/$1",
                                 "$PELAB_BROKER/crypto_v2/instances/$KP_INSTANCE_ID")  # fmt: skip


ASK_TKE = ASK_CONSOLE.replace("$PELAB_CONSOLE/services/hs-crypto/$KP_INSTANCE_ID/$1", "$1/v1/tke/$KP_INSTANCE_ID/hsms")
ASK_TKE = ASK_TKE.replace("curl -sS -w", "curl -sS --http1.1 --connect-timeout 4 -w")


def curl(lab: LiveLab, host: str, script: str, item: str = "") -> tuple[str, dict[str, Any]]:
    """Return HTTP status and document of what curl was answered in ``host``."""
    done = lab.host(host).run(["sh", "-c", script, "sh", item], check=True)
    document, _, status = done.stdout.rpartition("\n")
    told: dict[str, Any] = json.loads(document)
    return status, told


def sees(lab: LiveLab, call: Call) -> Outcome:
    """Return what the SDK, or curl for Trusted Key Entry, sees where the call's variable leads it."""
    assert call.setting is not None
    if call.surface is Surface.TKE:
        address = call.setting.value or tke("us-south", Plane.PUBLIC).url
        named = {"KP_INSTANCE_ID": lab.world.instances[call.instance].guid}
        if (done := lab.host(call.by).run(["sh", "-c", ASK_TKE, "sh", address], env=named)).returncode != 0:
            return UNANSWERED[done.returncode]
        document, _, status = done.stdout.rpartition("\n")
        if status == "401":
            return Outcome.UNAUTHORIZED
        assert status == "200"
        return Outcome.REACHED if json.loads(document)["hsms"] else Outcome.NOT_LISTED
    try:
        done = run_at(lab, call.by, "list", call.setting.value, iam(call.plane).url, timeout_s=4)
    except subprocess.TimeoutExpired:
        return Outcome.TIMED_OUT
    if done.returncode == 0:
        told = json.loads(done.stdout)
        return Outcome.REACHED if told == {"keys": 0} else DOCUMENTS[told["status"], told["message"]]
    return next(outcome for text, outcome in BROKEN.items() if text in done.stderr)


def test_the_sdk_goes_where_the_variable_leads_it() -> None:
    """For every value in the scenario the unmodified SDK, or curl, sees what the scenario states of the tool."""
    seen, stated = [], []
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        for step in catalogue.load_scenario("endpoint_variables").steps:
            if not isinstance(step.deed, Call):
                lab.act(step.deed)
            elif step.deed.operation is Operation.SET_POLICY:
                assert lab.ask(step.deed).outcome is Outcome.REACHED
            elif step.text not in NOT_CURLS:
                seen.append((step.text, sees(lab, step.deed)))
                stated.append((step.text, step.expectation.outcome))
    assert seen == stated


def test_curl_asks_the_console_and_is_refused_after_private_only() -> None:
    """A browser's request by a client that nobody here wrote: listed, then the common 401, wherever it runs."""
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        for host in ("laptop", "vsi-1"):
            status, told = curl(lab, host, ASK_CONSOLE, "keys")
            assert (status, told["metadata"]["collectionTotal"]) == ("200", 0)
        lock = SetPolicy(Policy.PRIVATE_ONLY, by=Call.console("laptop", "keys"))
        assert lab.ask(lock).outcome is Outcome.REACHED
        for host in ("laptop", "vsi-1"):
            for item in ("keys", "network-policy"):
                status, told = curl(lab, host, ASK_CONSOLE, item)
                assert (status, told["resources"]) == ("401", [{"errorMsg": REFUSED}])
            assert curl(lab, host, ASK_CONSOLE, "overview")[0] == "200"


def test_curl_discovers_the_private_endpoint_and_only_where_there_is_a_public_way() -> None:
    """The page's document, whose private address then answers by name; without a public way nothing is told."""
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        status, told = curl(lab, "laptop", ASK_BROKER)
        assert (status, list(told)) == ("200", ["instance_id", "kms", "ep11"])
        assert told["kms"]["private"] == "api.private.us-south.hs-crypto.cloud.ibm.com:9042"
        assert curl(lab, "vsi-1", ASK_BROKER) == (status, told)
        there = f'curl -sS -o /dev/null -w "%{{http_code}}" https://{told["kms"]["private"]}/api/v2/keys'
        assert lab.host("vsi-1").run(["sh", "-c", there], check=True).stdout == "401", "it asks for a token"
        assert lab.act(Netlink("vsi-1").route("del", dst="default")).vacuous == ""
        lost = lab.host("vsi-1").run(["sh", "-c", 'curl -sS "$PELAB_BROKER"'])
        assert lost.returncode == 7, lost.stderr


def test_run_answers_curl_by_name() -> None:
    """``pelab run``: the environment names the endpoint, DNS and TLS work as for any client."""
    script = 'curl -sS -w "%{http_code}" "$PELAB_KMS_PRIVATE/api/v2/keys" -H "bluemix-instance: $KP_INSTANCE_ID"'
    command = [sys.executable, "-m", "lab", "run", "single_account", "vsi-1", "--", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("401")
    assert json.loads(done.stdout[:-3])["resources"] == [{"errorMsg": REFUSED}]


def test_a_program_trusts_the_labs_authority_and_no_other(lab: LiveLab) -> None:
    """Without the lab's bundle the same request fails in TLS: the certificate is real and checked."""
    command = ["sh", "-c", 'curl -sS "$PELAB_IAM_PRIVATE/identity/keys"']
    assert "keys" in json.loads(lab.host("vsi-1").run(command).stdout)
    blind = lab.host("vsi-1").run(command, env={"CURL_CA_BUNDLE": "/dev/null", "SSL_CERT_FILE": "/dev/null"})
    assert blind.returncode in {60, 77}, blind.stderr
