"""Clients that nobody here wrote are the judges: the ``keyprotect`` SDK and curl, as programs in hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Call, Netlink, Operation, Outcome, Policy, SetPolicy, TakeZoneDown, catalogue
from lab.describe import environment
from lab.live.client import LiveLab
from lab.model.endpoint import iam, key_protect, kms
from lab.model.plane import Plane

REFUSED = "Unauthorized: The user does not have access to the specified resource"
DOCUMENTS = {(401, REFUSED): Outcome.UNAUTHORIZED}
BROKEN = {
    "No connection adapters were found": Outcome.NOT_SENT,
    "Connection aborted": Outcome.TLS_FAILED,
}
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
    lab: LiveLab, host: str, what: str, url: str, iam_url: str, *, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the SDK in ``host`` against these URLs."""
    command = [sys.executable, str(CLIENT), what, url, iam_url]
    return lab.host(host).run(command, env={"PYTHONPATH": str(SDK)}, timeout_s=timeout_s)


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


def sees(lab: LiveLab, call: Call) -> Outcome:
    """Return what the SDK sees where the call's variable leads it."""
    assert call.setting is not None
    address = call.setting.value or key_protect("us-south").url
    try:
        done = run_at(lab, call.by, "list", address, iam(call.plane).url, timeout_s=4)
    except subprocess.TimeoutExpired:
        return Outcome.TIMED_OUT
    if done.returncode == 0:
        told = json.loads(done.stdout)
        return Outcome.REACHED if told == {"keys": 0} else DOCUMENTS[told["status"], told["message"]]
    return next(outcome for text, outcome in BROKEN.items() if text in done.stderr)


def test_the_sdk_goes_where_the_variable_leads_it() -> None:
    """For every value in the scenario the unmodified SDK sees what the scenario states of ibmcloud kp."""
    seen, stated = [], []
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        for step in catalogue.load_scenario("endpoint_variables").steps:
            if not isinstance(step.deed, Call):
                lab.act(step.deed)
            elif step.deed.operation is Operation.SET_POLICY:
                assert lab.ask(step.deed).outcome is Outcome.REACHED
            else:
                seen.append((step.text, sees(lab, step.deed)))
                stated.append((step.text, step.expectation.outcome))
    assert seen == stated


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
