"""Private-only holds from the moment it is acknowledged, on connections that were open before, too."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from lab import Call, Outcome, Policy, SetPolicy, catalogue
from lab.live.client import LiveLab

CLIENT = """
import http.client, json, os, ssl, sys, urllib.request
token = json.load(urllib.request.urlopen(os.environ["PELAB_IAM_PUBLIC"] + "/identity/token", data=
    b"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=" + os.environ["IBMCLOUD_API_KEY"].encode()))
headers = {"Authorization": "Bearer " + token["access_token"], "Bluemix-Instance": os.environ["KP_INSTANCE_ID"]}
host = os.environ["PELAB_KMS_PUBLIC"].removeprefix("https://")
connection = http.client.HTTPSConnection(host, context=ssl.create_default_context())
def ask():
    connection.request("GET", "/api/v2/keys", headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, connection.sock is not None and connection.sock.getsockname()[1]
for line in sys.stdin:
    print(json.dumps(ask()), flush=True)
"""


def test_an_open_connection_is_refused_after_the_acknowledgement() -> None:
    """A keep-alive connection is served, the policy is set by the VSI, the next request on it gets 401; and back."""
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        ours_in, theirs_in = os.pipe()
        theirs_out, ours_out = os.pipe()
        program = lab.host("laptop").start([sys.executable, "-c", CLIENT], stdin=ours_in, stdout=ours_out)
        os.close(ours_in)
        os.close(ours_out)
        with os.fdopen(theirs_in, "w") as ask, os.fdopen(theirs_out) as answers:

            def status() -> list[object]:
                print("ask", file=ask, flush=True)
                told: list[object] = json.loads(answers.readline())
                return told

            first = status()
            vsi = Call.private("vsi-1", "keys")
            statuses = []
            for _ in range(20):
                assert lab.ask(SetPolicy(Policy.PRIVATE_ONLY, by=vsi)).outcome is Outcome.REACHED
                statuses.append(status()[0])
                assert lab.ask(SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=vsi)).outcome is Outcome.REACHED
                statuses.append(status()[0])
        assert program.wait(timeout_s=10) == 0
    assert first[0] == 200
    assert statuses == [401, 200] * 20


def test_an_open_grpc_channel_is_refused_after_the_acknowledgement() -> None:
    """One channel of gRPC's own client is served, refused and served again, call by call, and never connects anew."""
    sdk, client = Path(sys.prefix) / "clients" / "keyprotect", Path(__file__).with_name("grep11_client.py")
    with LiveLab(catalogue.load_topology("single_account"), capture=False) as lab:
        ours_in, theirs_in = os.pipe()
        theirs_out, ours_out = os.pipe()
        where = ["sh", "-c", f'exec {sys.executable} {client} "$PELAB_EP11_PUBLIC" "$PELAB_IAM_PUBLIC"']
        program = lab.host("laptop").start(where, stdin=ours_in, stdout=ours_out, env={"PYTHONPATH": str(sdk)})
        os.close(ours_in)
        os.close(ours_out)
        with os.fdopen(theirs_in, "w") as ask, os.fdopen(theirs_out) as answers:

            def told() -> tuple[str, int]:
                print("ask", file=ask, flush=True)
                said = json.loads(answers.readline())
                return said.get("status", "OK"), said["connected"]

            first, vsi, statuses = told(), Call.private("vsi-1", "keys"), []
            for policy in [Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE] * 20:
                assert lab.ask(SetPolicy(policy, by=vsi)).outcome is Outcome.REACHED
                statuses.append(told())
        assert program.wait(timeout_s=10) == 0
    assert first == ("OK", 1)
    assert statuses == [("UNAUTHENTICATED", 1), ("OK", 1)] * 20


def test_what_the_client_claims_changes_nothing() -> None:
    """Headers, host names and SNI of the private side, sent to the public door, are still public."""
    script = (
        'ip=$(getent hosts api.us-south.hs-crypto.cloud.ibm.com | cut -d" " -f1); '
        "curl -sk -o /dev/null -w '%{http_code}' --connect-to ::$ip:9042 "
        "-H 'X-Forwarded-For: 10.65.0.66' -H 'Forwarded: for=10.65.0.66' -H 'X-Real-IP: 10.65.0.66' "
        "-H 'Host: api.private.us-south.hs-crypto.cloud.ibm.com:9042' "
        '-H "Authorization: Bearer $TOKEN" -H "bluemix-instance: $KP_INSTANCE_ID" '
        "https://api.private.us-south.hs-crypto.cloud.ibm.com:9042/api/v2/keys"
    )
    get = (
        "curl -s $PELAB_IAM_PUBLIC/identity/token -d apikey=$IBMCLOUD_API_KEY "
        "-d grant_type=urn:ibm:params:oauth:grant-type:apikey"
    )
    with LiveLab(catalogue.load_topology("single_account", policy="private-only"), capture=False) as lab:
        laptop = lab.host("laptop")
        token = json.loads(laptop.run(["sh", "-c", get]).stdout)["access_token"]
        done = laptop.run(["sh", "-c", script], env={"TOKEN": token})
        assert done.stdout == "401", done.stderr
        inside = lab.host("vsi-1").run(["sh", "-c", "curl -s -o /dev/null -w '%{http_code}' "
            '-H "Authorization: Bearer $TOKEN" -H "bluemix-instance: $KP_INSTANCE_ID" $PELAB_KMS_PRIVATE/api/v2/keys'],
            env={"TOKEN": token})  # fmt: skip
        assert inside.stdout == "200", inside.stderr
