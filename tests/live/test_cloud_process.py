"""The cloud process as it runs in a lab, but over the loopback device: real sockets, real TLS, real clients.

Needs no privileges and no namespace. The unmodified ``keyprotect`` SDK is the judge of the wire format.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import wire
from lab.model.plane import Plane, Surface
from lab.serve import messages
from tests.live.cloud_process import ACCOUNT, GUID, ROOT, START, CloudProcess, listener

CLIENTS = Path(sys.prefix) / "clients" / "keyprotect"
KEY_TYPE = "application/vnd.ibm.kms.key+json"


def call(
    connection: http.client.HTTPSConnection, method: str, path: str, headers: dict[str, str], body: Any = None
) -> int:
    """Make one request on a connection that stays open and return its status."""
    connection.request(method, f"/api/v2/{path}", json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def policy(allowed: str) -> dict[str, Any]:
    """Return the body of a policy call."""
    data = {"enabled": True, "attributes": {"allowed_network": allowed}}
    return {
        "metadata": {"collectionType": "application/vnd.ibm.kms.policy+json", "collectionTotal": 1},
        "resources": [{"policy_type": "allowedNetwork", "policy_data": data}],
    }


@pytest.fixture
def cloud() -> Iterator[CloudProcess]:
    """A cloud process with IAM on both planes."""
    process = CloudProcess()
    for plane in Plane:
        process.open(Surface.IAM, plane)
    yield process
    process.close()


def test_private_only_holds_on_connections_that_were_open_before(cloud: CloudProcess) -> None:
    """The next request of an open public connection is refused, and served again after the flip back."""
    cloud.provision()
    headers = cloud.headers()
    public, private = cloud.connection("kms/public/keys"), cloud.connection("kms/private/keys")
    assert call(public, "GET", "keys", headers) == 200
    port = public.sock.getsockname()[1]
    for allowed, status in (("private-only", 401), ("public-and-private", 200)):
        assert call(private, "PUT", "instance/policies?policy=allowedNetwork", headers, policy(allowed)) == 204
        assert call(public, "GET", "keys", headers) == status
        assert call(private, "GET", "keys", headers) == 200
    assert public.sock.getsockname()[1] == port
    line = next(line for line in cloud.log() if line["rule"] == "policy.private-only")
    assert (line["plane"], line["caller"], line["caller_port"]) == ("public", "127.0.0.1", port)
    public.close()
    private.close()


def test_a_request_that_was_under_way_when_the_policy_changed(cloud: CloudProcess) -> None:
    """Half a request sent before the change is checked when the other half is there."""
    cloud.provision()
    headers = cloud.headers()
    public, private = cloud.connection("kms/public/keys"), cloud.connection("kms/private/keys")
    body = json.dumps(
        {
            "metadata": {"collectionType": KEY_TYPE, "collectionTotal": 1},
            "resources": [{"name": "late", "extractable": False}],
        }
    ).encode()
    public.putrequest("POST", "/api/v2/keys")
    for name, value in {**headers, "content-length": str(len(body))}.items():
        public.putheader(name, value)
    public.endheaders(body[:20])
    assert call(private, "PUT", "instance/policies", headers, policy("private-only")) == 204
    public.send(body[20:])
    assert public.getresponse().status == 401
    private.request("GET", "/api/v2/keys", headers=headers)
    assert json.loads(private.getresponse().read())["metadata"]["collectionTotal"] == 0
    public.close()
    private.close()


def test_no_public_request_is_served_after_the_acknowledgement(cloud: CloudProcess) -> None:
    """Eight callers at once: what they ask after the 204 is refused, and the log shows no later public success."""
    cloud.provision()
    headers = cloud.headers()
    acknowledged, late = threading.Event(), []

    def caller() -> None:
        connection = cloud.connection("kms/public/keys")
        for _ in range(40):
            after = acknowledged.is_set()
            status = call(connection, "GET", "keys", headers)
            if after:
                late.append(status)
        while len(late) < 8:  # whoever was quick goes on until somebody has asked afterwards
            acknowledged.wait()
            late.append(call(connection, "GET", "keys", headers))
        connection.close()

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for thread in callers:
        thread.start()
    private = cloud.connection("kms/private/keys")
    assert call(private, "PUT", "instance/policies", headers, policy("private-only")) == 204
    acknowledged.set()
    for thread in callers:
        thread.join()
    private.close()
    assert late
    assert set(late) == {401}
    lines = cloud.log()
    changed = next(n for n, line in enumerate(lines) if line["operation"] == "set-policy")
    assert not [line for line in lines[changed + 1 :] if line["plane"] == "public" and line["decision"] == "allow"]


SDK = """
import io, json, keyprotect
from ibm_cloud_sdk_core import ApiException
from keyprotect.ibm_key_protect_api_v2 import IbmKeyProtectApiV2

GUID = "{guid}"
kind = "application/vnd.ibm.kms.{{}}+json"
service = IbmKeyProtectApiV2.new_instance()
creation = {{
    "metadata": {{"collectionType": kind.format("key"), "collectionTotal": 1}},
    "resources": [{{"type": kind.format("key"), "name": "sdk", "extractable": False}}],
}}
made = service.create_key(GUID, io.BytesIO(json.dumps(creation).encode()), prefer="return=representation")
assert made.get_status_code() == 201
key = made.get_result().json()["resources"][0]["id"]
listed = service.get_keys(bluemix_instance=GUID)
assert [key] == [found["id"] for found in listed.get_result()["resources"]]
assert service.get_key_collection_metadata(bluemix_instance=GUID).get_headers()["Key-Total"] == "1"
assert service.get_key(id=key, bluemix_instance=GUID).get_result()["resources"][0]["name"] == "sdk"
assert service.get_key_metadata(id=key, bluemix_instance=GUID).get_status_code() == 200
body = io.BytesIO(json.dumps({{"plaintext": "aGVsbG8=", "aad": ["order"]}}).encode())
wrapped = service.wrap_key(id=key, bluemix_instance=GUID, key_action_wrap_body=body).get_result().json()
body = io.BytesIO(json.dumps({{"ciphertext": wrapped["ciphertext"], "aad": ["order"]}}).encode())
unwrapped = service.unwrap_key(id=key, bluemix_instance=GUID, key_action_unwrap_body=body).get_result().json()
assert unwrapped["plaintext"] == "aGVsbG8="
gone = service.delete_key(id=key, bluemix_instance=GUID, prefer="return=representation")
assert (gone.get_status_code(), gone.get_result()["resources"][0]["deleted"]) == (200, True)
data = {{"enabled": True, "attributes": {{"allowed_network": "private-only"}}}}
resource = {{"policy_type": "allowedNetwork", "policy_data": data}}
metadata = {{"collectionType": kind.format("policy"), "collectionTotal": 1}}
answer = service.put_instance_policy(
    bluemix_instance=GUID,
    instance_policy_put_body={{"metadata": metadata, "resources": [resource]}},
    policy="allowedNetwork",
)
assert answer.get_status_code() == 204
try:
    service.get_keys(bluemix_instance=GUID)
except ApiException as error:
    assert error.code == 401
    assert error.http_response.json()["resources"][0]["errorMsg"].startswith("Unauthorized:")
else:
    raise AssertionError("served")
print("judged")
"""


def test_unmodified_sdk(cloud: CloudProcess, tmp_path: Path) -> None:
    """``keyprotect`` 3.0.1 creates, lists, wraps, unwraps, deletes, sets the policy, and is then locked out."""
    assert (CLIENTS / "keyprotect").is_dir(), "bin/setup installs the SDK"
    cloud.provision()
    bundle = tmp_path / "ca.pem"
    bundle.write_text(cloud.ca_pem)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CLIENTS),
        "REQUESTS_CA_BUNDLE": str(bundle),
        "IBM_KEY_PROTECT_API_URL": f"https://localhost:{cloud.doors['kms/public/keys'].port}",
        "IBM_KEY_PROTECT_API_AUTH_TYPE": "iam",
        "IBM_KEY_PROTECT_API_AUTH_URL": f"https://localhost:{cloud.doors['iam/private'].port}/identity/token",
        "IBM_KEY_PROTECT_API_APIKEY": "key-of-acme",
    }
    script = SDK.format(guid=GUID)
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (0, "judged\n"), run.stderr
    assert cloud.log()[-1]["rule"] == "policy.private-only"


def test_every_address_of_a_door_is_the_same_door(cloud: CloudProcess) -> None:
    """One listener for each address, one certificate for all of them, one plane."""
    cloud.done(messages.Provision, instance="far", guid=GUID, crn="crn::", account=ACCOUNT, region="us-south")
    cloud.done(messages.Initialise, guid=GUID)
    listeners = [listener(f"127.0.0.{n}") for n in (1, 2, 3)]
    door = messages.Door(
        name="far",
        surface=Surface.KMS,
        plane=Plane.PRIVATE,
        region="us-south",
        names=["far.example"],
        addresses=["127.0.0.1", "127.0.0.2", "127.0.0.3"],
        port=1,
        instance="far",
    )
    cloud.done(messages.Prepare, doors=[door])
    cloud.done(messages.Listen, door_names=["far"], fds=[sock.fileno() for sock in listeners])
    context = ssl.create_default_context(cadata=cloud.ca_pem)
    headers = cloud.headers()
    for sock in listeners:
        address, port = sock.getsockname()
        connection = http.client.HTTPSConnection(address, port, context=context, timeout=10)
        assert call(connection, "GET", "keys", headers) == 200
        connection.close()
        sock.close()
    assert {"far"} == {line["door"] for line in cloud.log() if line["surface"] == "kms"}


def test_instances_that_come_later(cloud: CloudProcess) -> None:
    """Further doors get certificates of the same authority; tokens and instances do not mix."""
    cloud.provision()
    cloud.provision("more", GUID.replace("1", "2"))
    headers = cloud.headers()
    more = cloud.connection("kms/public/more")
    assert call(more, "GET", "keys", headers) == 401
    assert call(more, "GET", "keys", {**headers, "bluemix-instance": GUID.replace("1", "2")}) == 200
    more.close()
    assert [line["rule"] for line in cloud.log() if line["surface"] == "kms"] == ["instance.unknown", "door.served"]


def test_no_header_speaks_for_the_caller_s_address(cloud: CloudProcess) -> None:
    """The log shows the other end of the connection, whatever a proxy's headers claim."""
    cloud.provision()
    public = cloud.connection("kms/public/keys")
    claims = {"x-forwarded-for": "10.64.0.2", "x-forwarded-proto": "https", "host": "api.private.example"}
    assert call(public, "GET", "keys", {**cloud.headers(), **claims}) == 200
    line = cloud.log()[-1]
    assert (line["caller"], line["caller_port"]) == ("127.0.0.1", public.sock.getsockname()[1])
    assert line["plane"] == "public"
    public.close()


def test_faults(cloud: CloudProcess) -> None:
    """Sabotage on purpose: a policy that is not enforced, a door that is shut while the others stay open."""
    cloud.provision(allowed_network="private-only")
    headers = cloud.headers()
    public = cloud.connection("kms/public/keys")
    assert call(public, "GET", "keys", headers) == 401
    cloud.done(messages.Fault, name="ignore-policy")
    assert call(public, "GET", "keys", headers) == 200
    cloud.done(messages.Fault, name="close-listener", target="kms/public/keys")
    public.close()
    with pytest.raises(ConnectionRefusedError):
        cloud.connection("kms/public/keys").connect()
    private = cloud.connection("kms/private/keys")
    assert call(private, "GET", "keys", headers) == 200
    private.close()


@pytest.mark.parametrize(
    "kind,fields",
    [
        pytest.param(messages.Listen, {"door_names": ["nowhere"]}, id="unknown-door"),
        pytest.param(messages.Listen, {"door_names": ["iam/public"]}, id="too-few-listeners"),
        pytest.param(messages.Initialise, {"guid": "nothing"}, id="unknown-instance"),
        pytest.param(messages.Delete, {"guid": "nothing"}, id="deleting-nothing"),
        pytest.param(messages.Fault, {"name": "no-such"}, id="unknown-fault"),
        pytest.param(messages.Fault, {"name": "close-listener", "target": "no-such"}, id="unknown-listener"),
    ],
)
def test_what_cannot_be_done_is_answered(cloud: CloudProcess, kind: Any, fields: dict[str, Any]) -> None:
    """A request that fails is answered as failed, and the next one is carried out."""
    failed = cloud.ask(kind, **fields)
    assert isinstance(failed, messages.Failed)
    assert failed.error
    cloud.provision()


def test_a_slow_reader_of_the_log_slows_nobody_down(cloud: CloudProcess) -> None:
    """Callers are answered while nobody reads the log; afterwards every line is there, in order."""
    cloud.provision()
    headers = cloud.headers()
    public = cloud.connection("kms/public/keys")
    for n in range(1500):
        assert call(public, "GET", "keys", {**headers, "correlation-id": str(n)}) == 200
    public.close()
    ids = [line["request_id"] for line in cloud.log() if line["surface"] == "kms"]
    assert ids == [str(n) for n in range(1500)]


def test_close_ends_the_process(cloud: CloudProcess) -> None:
    """It answers, closes idle connections and ends by itself."""
    cloud.provision()
    public = cloud.connection("kms/public/keys")
    assert call(public, "GET", "keys", cloud.headers()) == 200
    cloud.done(messages.Close)
    assert cloud.process.wait(10) == 0
    with pytest.raises((http.client.HTTPException, OSError)):
        call(public, "GET", "keys", {})
    public.close()


def test_clients_that_fail_at_tls_or_http_leave_the_door_open(cloud: CloudProcess) -> None:
    """No TLS, no trust, half a handshake: the door goes on serving, and nothing is printed about it."""
    cloud.provision()
    door = cloud.doors["kms/public/keys"]
    with socket.create_connection(("localhost", door.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
    stranger = http.client.HTTPSConnection("localhost", door.port, context=ssl.create_default_context(), timeout=10)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.connect()
    with socket.create_connection(("localhost", door.port)):
        public = cloud.connection(door.name)
        assert call(public, "GET", "keys", cloud.headers()) == 200
        public.close()


def test_the_protocol_s_misuse_ends_the_process() -> None:
    """A message that it cannot read is not answered; it ends, which the network process sees at once."""
    ours, theirs = wire.pair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        wire.send_bytes(ours, b'{"type":"nonsense"}')
        assert wire.recv_bytes(ours)[0] is None
    _, printed = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "nonsense" in printed


PRELOAD = """
import ssl, threading

def forbidden(*_args, **_kwargs):
    raise AssertionError("drawn before the fork")

ssl.SSLContext.__new__ = forbidden
ssl.RAND_bytes = forbidden
from cryptography.hazmat.primitives.asymmetric import ec
ec.generate_private_key = forbidden
from lab.serve import process
process.preload()
assert threading.active_count() == 1
"""


def test_preload_draws_nothing_and_starts_nothing() -> None:
    """Labs are forked after it: a draw, a TLS context or a thread before the fork would be shared."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", PRELOAD], env=environment, check=True, timeout=30)
