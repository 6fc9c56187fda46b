"""IAM and key management through their ASGI applications, without sockets: the wire format, door by door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest

from lab.model.plane import Plane, Surface
from lab.serve import messages
from lab.serve.app import surface_app
from lab.serve.cloud import Cloud
from lab.serve.exchange import BODY_LIMIT, Site, at_door
from lab.services.iam.rules import API_KEY_GRANT

ACME, RIVAL = "a" * 32, "b" * 32
GUID = "00000000-0000-4000-8000-000000000001"
KEY_TYPE = "application/vnd.ibm.kms.key+json"
REFUSED = {
    "metadata": {"collectionType": "application/vnd.ibm.kms.error+json", "collectionTotal": 1},
    "resources": [{"errorMsg": "Unauthorized: The user does not have access to the specified resource"}],
}


class Lab:
    """A cloud with one instance, reached through doors in memory; time stands still until it is moved."""

    def __init__(self) -> None:
        """Make accounts ``acme`` (with a manager, a reader and somebody without roles) and ``rival``."""
        self.lines: list[dict[str, Any]] = []
        self.time = 1_700_000_000.0
        self.cloud = Cloud(lambda line: self.lines.append(json.loads(line)), clock=lambda: self.time)
        keys = {"manager": "IBMid-1", "reader": "IBMid-2", "nobody": "IBMid-3"}
        roles = {"IBMid-2": ["Reader"], "IBMid-3": []}
        self.cloud.account(messages.Account(id=0, name="acme", account_id=ACME, api_keys=keys, roles=roles))
        self.cloud.account(messages.Account(id=0, name="rival", account_id=RIVAL, api_keys={"rival": "IBMid-9"}))

    def provision(self, allowed_network: str | None = None, *, initialised: bool = True) -> None:
        """Create the instance ``keys`` of ``acme``."""
        crn = f"crn:v1:bluemix:public:hs-crypto:us-south:a/{ACME}:{GUID}::"
        self.cloud.provision(
            messages.Provision(
                id=0,
                instance="keys",
                guid=GUID,
                crn=crn,
                account=ACME,
                region="us-south",
                allowed_network=allowed_network,
            )
        )
        if initialised:
            self.cloud.initialise(GUID)

    def door(self, surface: Surface, plane: Plane) -> httpx.AsyncClient:
        """Return a client whose requests arrive at the door of ``surface`` on ``plane``."""
        door = messages.Door(
            name=f"{surface.value}/{plane.value}",
            surface=surface,
            plane=plane,
            region="us-south",
            names=["localhost"],
            addresses=["127.0.0.1"],
            port=443,
            instance="keys" if surface is Surface.KMS else None,
        )
        transport = httpx.ASGITransport(at_door(surface_app(surface), Site(door=door, cloud=self.cloud)))
        return httpx.AsyncClient(transport=transport, base_url="https://localhost")

    async def token(self, api_key: str = "manager") -> str:
        """Return an access token for an API key."""
        async with self.door(Surface.IAM, Plane.PRIVATE) as iam:
            form = {"grant_type": API_KEY_GRANT, "apikey": api_key}
            answer = await iam.post("/identity/token", data=form)
        assert answer.status_code == 200
        token: str = answer.json()["access_token"]
        return token

    async def call(
        self,
        plane: Plane,
        method: str,
        path: str,
        *,
        api_key: str = "manager",
        headers: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> httpx.Response:
        """Send one request of key management with a fresh token."""
        sent = {"authorization": f"Bearer {await self.token(api_key)}", "bluemix-instance": GUID, **(headers or {})}
        async with self.door(Surface.KMS, plane) as kms:
            return await kms.request(method, f"/api/v2/{path}", headers=sent, **kwargs)

    async def set_policy(self, plane: Plane, allowed: str) -> httpx.Response:
        """Make the policy call."""
        body = {
            "metadata": {"collectionType": "application/vnd.ibm.kms.policy+json", "collectionTotal": 1},
            "resources": [
                {
                    "policy_type": "allowedNetwork",
                    "policy_data": {"enabled": True, "attributes": {"allowed_network": allowed}},
                }
            ],
        }
        return await self.call(plane, "PUT", "instance/policies", params={"policy": "allowedNetwork"}, json=body)


@pytest.fixture
def lab() -> Lab:
    """A cloud whose instance is not provisioned yet."""
    return Lab()


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run an asynchronous story."""
    asyncio.run(story())  # type: ignore[arg-type]


CREATION = {
    "metadata": {"collectionType": KEY_TYPE, "collectionTotal": 1},
    "resources": [{"type": KEY_TYPE, "name": "k", "extractable": False}],
}


def test_life_of_a_key(lab: Lab) -> None:
    """Create, list, wrap, unwrap, delete: statuses, media types and documents of the product."""

    async def story() -> None:
        lab.provision()
        created = await lab.call(Plane.PRIVATE, "POST", "keys", json=CREATION)
        assert (created.status_code, created.headers["content-type"]) == (201, KEY_TYPE)
        key = created.json()["resources"][0]["id"]
        assert created.json()["resources"][0]["crn"].endswith(f":{GUID}:key:{key}")
        listed = await lab.call(Plane.PUBLIC, "GET", "keys?state=")
        assert [key] == [found["id"] for found in listed.json()["resources"]]
        assert listed.headers["content-type"] == "application/json"
        counted = await lab.call(Plane.PUBLIC, "HEAD", "keys")
        assert (counted.status_code, counted.headers["key-total"], counted.content) == (200, "1", b"")
        wrapped = await lab.call(
            Plane.PUBLIC, "POST", f"keys/{key}/actions/wrap", json={"plaintext": "aGk=", "aad": ["x"]}
        )
        assert wrapped.headers["content-type"] != "application/json"
        body = {"ciphertext": wrapped.json()["ciphertext"], "aad": ["x"]}
        unwrapped = await lab.call(Plane.PRIVATE, "POST", f"keys/{key}/actions/unwrap", json=body)
        assert unwrapped.json()["plaintext"] == "aGk="
        deleted = await lab.call(Plane.PUBLIC, "DELETE", f"keys/{key}", headers={"Prefer": "return=representation"})
        assert (deleted.status_code, deleted.json()["resources"][0]["deleted"]) == (200, True)
        assert (await lab.call(Plane.PUBLIC, "DELETE", f"keys/{key}")).status_code == 410

    run(story)


def test_private_only_refuses_every_public_call_and_only_those(lab: Lab) -> None:
    """Existing instance, policy set from outside: locked out at once, the policy call included; private goes on."""

    async def story() -> None:
        lab.provision()
        key = (await lab.call(Plane.PUBLIC, "POST", "keys", json=CREATION)).json()["resources"][0]["id"]
        assert (await lab.set_policy(Plane.PUBLIC, "private-only")).status_code == 204
        calls = [
            ("GET", "keys"),
            ("POST", "keys"),
            ("GET", f"keys/{key}"),
            ("GET", f"keys/{key}/metadata"),
            ("POST", f"keys/{key}/actions/wrap"),
            ("POST", f"keys/{key}/actions/unwrap"),
            ("DELETE", f"keys/{key}"),
            ("GET", "instance/policies"),
            ("PUT", "instance/policies"),
            ("GET", "no/such/path"),
            ("PATCH", "keys"),
        ]
        for method, path in calls:
            answer = await lab.call(Plane.PUBLIC, method, path)
            assert (answer.status_code, answer.json()) == (401, REFUSED)
            assert lab.lines[-1]["rule"] == "policy.private-only"
        assert (await lab.call(Plane.PUBLIC, "HEAD", "keys")).status_code == 401
        assert (await lab.set_policy(Plane.PUBLIC, "public-and-private")).status_code == 401
        assert (await lab.call(Plane.PRIVATE, "GET", f"keys/{key}")).status_code == 200
        assert (await lab.set_policy(Plane.PRIVATE, "public-and-private")).status_code == 204
        assert (await lab.call(Plane.PUBLIC, "GET", f"keys/{key}")).status_code == 200

    run(story)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "api.private.us-south.hs-crypto.cloud.ibm.com"},
        {"x-forwarded-for": "10.64.0.2"},
        {"forwarded": "for=10.64.0.2;proto=https"},
        {"x-real-ip": "166.9.12.20"},
        {"x-forwarded-host": "api.private.us-south.hs-crypto.cloud.ibm.com"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_makes_a_request_private(lab: Lab, headers: dict[str, str]) -> None:
    """The listener decides the plane; what the caller claims does not, and the log shows the true plane."""

    async def story() -> None:
        lab.provision("private-only")
        assert (await lab.call(Plane.PUBLIC, "GET", "keys", headers=headers)).status_code == 401
        assert (lab.lines[-1]["plane"], lab.lines[-1]["rule"]) == ("public", "policy.private-only")
        assert (await lab.call(Plane.PRIVATE, "GET", "keys")).status_code == 200

    run(story)


def test_uninitialised_instance(lab: Lab) -> None:
    """Keys and policy alike: 400 in the product's words. Provisioned private-only, it refuses outsiders first."""

    async def story() -> None:
        lab.provision("private-only", initialised=False)
        for answer in (
            await lab.call(Plane.PRIVATE, "GET", "keys"),
            await lab.set_policy(Plane.PRIVATE, "private-only"),
        ):
            assert answer.status_code == 400
            assert "CKR_IBM_WK_NOT_INITIALIZED" in answer.json()["resources"][0]["errorMsg"]
        assert (await lab.call(Plane.PUBLIC, "GET", "keys")).status_code == 401
        lab.cloud.initialise(GUID)
        assert (await lab.call(Plane.PRIVATE, "GET", "keys")).status_code == 200
        assert (await lab.call(Plane.PUBLIC, "GET", "keys")).json() == REFUSED

    run(story)


def test_deleted_instance_is_not_found_on_either_plane(lab: Lab) -> None:
    """After the deletion the policy is not enforced: insiders and outsiders get the same answer."""

    async def story() -> None:
        lab.provision("private-only")
        lab.cloud.delete(GUID)
        answers = [await lab.call(plane, "GET", "keys") for plane in Plane]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()

    run(story)


def test_a_restored_instance_is_as_before(lab: Lab) -> None:
    """Policy, master key and keys are there, and the policy is enforced again."""

    async def story() -> None:
        lab.provision("private-only")
        held = lab.cloud.instances.by_guid(GUID)
        whole = deepcopy(held)
        assert whole is not None
        assert whole.master
        before = await lab.call(Plane.PRIVATE, "GET", "keys")
        lab.cloud.delete(GUID)
        lab.cloud.restore(GUID)
        assert held == whole
        assert (await lab.call(Plane.PUBLIC, "GET", "keys")).json() == REFUSED
        after = await lab.call(Plane.PRIVATE, "GET", "keys")
        assert (after.status_code, after.json()) == (200, before.json())

    run(story)


@pytest.mark.parametrize(
    "change,rule",
    [
        pytest.param({"authorization": ""}, "door.no-token", id="no-token"),
        pytest.param({"authorization": "Bearer x.y.z"}, "door.no-token", id="not-a-token"),
        pytest.param({"authorization": "Basic Yng6Yng="}, "door.no-token", id="not-a-bearer"),
        pytest.param({"bluemix-instance": "elsewhere"}, "instance.unknown", id="another-instance"),
    ],
)
def test_callers_are_refused_in_one_way(lab: Lab, change: dict[str, str], rule: str) -> None:
    """Whatever is wrong with the caller, the document is the same; the log knows which it was."""

    async def story() -> None:
        lab.provision()
        answer = await lab.call(Plane.PRIVATE, "GET", "keys", headers=change)
        assert (answer.status_code, answer.json()) == (401, REFUSED)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert lab.lines[-1]["rule"] == rule

    run(story)


@pytest.mark.parametrize(
    "api_key,method,path,rule",
    [
        pytest.param("rival", "GET", "keys", "door.other-account", id="other-account"),
        pytest.param("nobody", "GET", "keys", "door.missing-role", id="no-role"),
        pytest.param("reader", "POST", "keys", "door.missing-role", id="reader-may-not-create"),
        pytest.param("reader", "PUT", "instance/policies", "door.missing-role", id="reader-may-not-set"),
    ],
)
def test_accounts_and_roles(lab: Lab, api_key: str, method: str, path: str, rule: str) -> None:
    """A token opens its own account's instance only, as far as its subject's roles go."""

    async def story() -> None:
        lab.provision()
        answer = await lab.call(Plane.PRIVATE, method, path, api_key=api_key)
        assert (answer.status_code, answer.json()) == (401, REFUSED)
        assert lab.lines[-1]["rule"] == rule
        assert (await lab.call(Plane.PRIVATE, "GET", "keys", api_key="reader")).status_code == 200

    run(story)


def test_expired_token(lab: Lab) -> None:
    """An hour after it was granted a token opens nothing."""

    async def story() -> None:
        lab.provision()
        headers = {"authorization": f"bearer {await lab.token()}", "bluemix-instance": GUID}
        async with lab.door(Surface.KMS, Plane.PUBLIC) as kms:
            assert (await kms.get("/api/v2/keys", headers=headers)).status_code == 200
            lab.time += 3600
            assert (await kms.get("/api/v2/keys", headers=headers)).status_code == 401

    run(story)


def test_requests_that_mean_nothing(lab: Lab) -> None:
    """A missing instance header, unknown paths, other methods and endless bodies are told apart from refusals."""

    async def story() -> None:
        lab.provision()
        cases: list[tuple[int, httpx.Response]] = [
            (400, await lab.call(Plane.PUBLIC, "GET", "keys", headers={"bluemix-instance": ""})),
            (404, await lab.call(Plane.PUBLIC, "GET", "nothing")),
            (404, await lab.call(Plane.PUBLIC, "GET", "keys/")),
            (405, await lab.call(Plane.PUBLIC, "PATCH", "keys")),
            (413, await lab.call(Plane.PUBLIC, "POST", "keys", content=bytes(BODY_LIMIT + 1))),
        ]
        for status, answer in cases:
            assert answer.status_code == status
            assert answer.json()["metadata"]["collectionType"] == "application/vnd.ibm.kms.error+json"
        assert cases[3][1].headers["allow"] == "GET, HEAD, POST"
        assert {"request.malformed"} == {line["rule"] for line in lab.lines if line["surface"] == "kms"}

    run(story)


def test_log_line_tells_the_operator_what_the_caller_is_not_told(lab: Lab) -> None:
    """One line for each request: id as the client sees it, door, plane, caller, subject, rule; nothing secret."""

    async def story() -> None:
        lab.provision("private-only")
        answer = await lab.call(Plane.PUBLIC, "GET", "keys?limit=1", headers={"Correlation-Id": "mine"})
        assert answer.headers["correlation-id"] == "mine"
        line = lab.lines[-1]
        assert line["request_id"] == "mine"
        assert (line["door"], line["plane"], line["caller"], line["caller_port"]) == (
            "kms/public",
            "public",
            "127.0.0.1",
            123,
        )
        assert (line["subject"], line["method"], line["path"]) == ("IBMid-1", "GET", "/api/v2/keys")
        assert (line["operation"], line["instance"]) == ("list-keys", GUID)
        assert (line["decision"], line["rule"], line["status"]) == ("deny", "policy.private-only", 401)
        assert "eyJ" not in json.dumps(lab.lines)

    run(story)


def test_tokens_over_http(lab: Lab) -> None:
    """Both paths, form and query; the documented refusal; other methods and paths."""

    async def story() -> None:
        form = {"grant_type": API_KEY_GRANT, "apikey": "manager"}
        async with lab.door(Surface.IAM, Plane.PUBLIC) as iam:
            granted = [
                await iam.post("/identity/token", data=form),
                await iam.post("/oidc/token", data=form, headers={"authorization": "Basic Yng6Yng="}),
                await iam.post("/identity/token", params=form),
            ]
            assert [answer.status_code for answer in granted] == [200, 200, 200]
            assert granted[0].headers["content-type"] == "application/json"
            unknown = await iam.post("/identity/token", data={**form, "apikey": "stolen"})
            assert (unknown.status_code, unknown.json()["errorCode"]) == (400, "BXNIM0415E")
            assert unknown.json()["context"]["requestId"] == unknown.headers["transaction-id"]
            assert (await iam.get("/identity/token")).headers["allow"] == "POST"
            assert (await iam.get("/nothing")).status_code == 404
            keys = (await iam.get("/identity/keys")).json()["keys"]
            assert [(key["kty"], key["alg"]) for key in keys] == [("EC", "ES256")]
        assert "stolen" not in json.dumps(lab.lines)
        assert "manager" not in json.dumps(lab.lines)
        assert lab.lines[0]["rule"] == "door.served"

    run(story)


def test_sabotage_switches_the_policy_off(lab: Lab) -> None:
    """Tests that must fail need a policy that can be broken."""

    async def story() -> None:
        lab.provision("private-only")
        lab.cloud.enforced_on.clear()
        assert (await lab.call(Plane.PUBLIC, "GET", "keys")).status_code == 200

    run(story)


def test_operator_s_mistakes_are_errors(lab: Lab) -> None:
    """Unknown instances, second ones, unknown networks and roles."""
    lab.provision()
    with pytest.raises(ValueError, match="exists"):
        lab.provision()
    with pytest.raises(LookupError):
        lab.cloud.initialise("nothing")
    with pytest.raises(ValueError, match="role"):
        lab.cloud.account(messages.Account(id=0, name="x", account_id="x", api_keys={}, roles={"s": ["Boss"]}))


def test_initialising_twice_keeps_the_keys_usable(lab: Lab) -> None:
    """The master key is drawn once."""
    lab.provision()
    instance = lab.cloud.instances.by_guid(GUID)
    assert instance is not None
    master = instance.master
    lab.cloud.initialise(GUID)
    assert master == instance.master
    assert master is not None
    assert len(master) == 32
