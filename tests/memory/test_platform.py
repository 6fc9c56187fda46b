"""Console and broker without sockets: what they answer, what they ask in their turn, and what stands in the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from lab import Builder, Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, Topology, catalogue, topology
from lab.errors import ModelError
from lab.model.endpoint import Endpoint, broker, console, iam
from lab.model.plane import Plane, Surface
from lab.model.world import World
from lab.play.memory import Memory
from lab.play.runner import Mode, play
from lab.serve import furnishing
from lab.serve.app import surface_app
from lab.serve.cloud import Cloud
from lab.serve.exchange import BODY_LIMIT, Site, at_door
from lab.services.broker import answer
from lab.services.iam.rules import API_KEY_GRANT
from lab.services.kms import documents
from lab.services.kms.rules import Level

REFUSED = {"errorMsg": "Unauthorized: The user does not have access to the specified resource"}


@topology
class TwoRegions(Topology):
    """An instance in each of two regions, one of which is uninitialised and private-only; a stranger."""

    def build(self, b: Builder) -> None:
        """Instances keys (us-south) and archive (eu-de) of acme; rival has none."""
        acme = b.account("acme", vrf=True, service_endpoints=True)
        b.vsi("vsi-1", account=acme)
        b.internet_host("laptop", account=acme)
        b.internet_host("rival-laptop", account=b.account("rival"))
        b.crypto_instance("keys", account=acme)
        b.crypto_instance("archive", account=acme, region="eu-de", initialised=False, policy=Policy.PRIVATE_ONLY)


class Lab:
    """The services of such a world, asked at their doors."""

    def __init__(self) -> None:
        """Start with an empty log."""
        self.world: World = TwoRegions().world()
        self.lines: list[dict[str, Any]] = []
        self.cloud = Cloud(lambda line: self.lines.append(json.loads(line)))
        for request in furnishing.world(self.world, {name: name for name in self.world.accounts}):
            self.cloud.obey(request)

    def ask(self, endpoint: Endpoint, method: str, path: str, *, account: str = "acme", **more: Any) -> httpx.Response:
        """Send one request with a fresh token of ``account``; none if that is empty."""

        async def exchange() -> httpx.Response:
            headers = more.pop("headers", {})
            if account:
                async with self._door(iam(Plane.PRIVATE)) as door:
                    form = {"grant_type": API_KEY_GRANT, "apikey": account}
                    token = (await door.post("/identity/token", data=form)).json()["access_token"]
                headers = {"authorization": f"Bearer {token}", **headers}
            self.lines.clear()
            async with self._door(endpoint) as door:
                return await door.request(method, path, headers=headers, **more)

        return asyncio.run(exchange())

    def _door(self, endpoint: Endpoint) -> httpx.AsyncClient:
        site = Site(door=furnishing.door(endpoint), cloud=self.cloud)
        transport = httpx.ASGITransport(at_door(surface_app(endpoint.surface), site))
        return httpx.AsyncClient(transport=transport, base_url=endpoint.url)

    def guid(self, instance: str = "keys") -> str:
        """Return an instance's id."""
        return self.world.instances[instance].guid

    def ui(self, method: str, item: str, *, instance: str = "keys", **more: Any) -> httpx.Response:
        """Ask the console for one of its items."""
        return self.ask(console(), method, f"/services/hs-crypto/{self.guid(instance)}/{item}", **more)

    def document(self, instance: str = "keys", *, region: str = "us-south", **more: Any) -> httpx.Response:
        """Ask a region's broker for the instance document."""
        return self.ask(broker(region), "GET", f"/crypto_v2/instances/{self.guid(instance)}", **more)


@pytest.fixture
def lab() -> Lab:
    """A fresh one."""
    return Lab()


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Return status and first resource of a key-management document."""
    resources = answer.json().get("resources")  # an empty listing has none
    return answer.status_code, resources[0] if resources else None


def test_the_console_asks_key_management_as_a_client_on_the_internet(lab: Lab) -> None:
    """Its request stands in the log before its own answer: the public door, the user's subject and correlation id."""
    assert told(lab.ui("GET", "keys", headers={"correlation-id": "one"})) == (200, None)
    asked, own = lab.lines
    assert (asked["surface"], asked["plane"], asked["door"]) == ("kms", "public", "kms/public/keys")
    assert (asked["path"], asked["caller"], asked["subject"]) == ("/api/v2/keys", "console/public", own["subject"])
    assert (own["surface"], own["plane"], own["door"]) == ("console", "public", "console/public")
    assert own["path"] == f"/services/hs-crypto/{lab.guid()}/keys"
    assert {line["request_id"] for line in lab.lines} == {"one"}


def test_the_console_passes_on_what_the_browser_asked_to_see(lab: Lab) -> None:
    """A page of keys is that page: the query goes with the request."""
    for name in ("one", "two"):
        key = {"type": documents.KEY, "name": name, "extractable": False}
        body = {"metadata": {"collectionType": documents.KEY, "collectionTotal": 1}, "resources": [key]}
        assert lab.ui("POST", "keys", json=body).status_code == 201
    assert len(lab.ui("GET", "keys").json()["resources"]) == 2
    assert len(lab.ui("GET", "keys?limit=1").json()["resources"]) == 1


@pytest.mark.parametrize("level", Level)
def test_the_document_is_for_who_has_a_role(lab: Lab, level: Level) -> None:
    """Any will do; an account's token alone does not."""
    instance = lab.cloud.instances.by_guid(lab.guid())
    assert instance is not None
    given = answer(instance, {}, account=instance.account, level=level, named=lab.guid())
    assert (given.reply.status == 200) is (level is not Level.NOTHING)


def test_under_private_only_the_console_shows_the_common_refusal(lab: Lab) -> None:
    """Setting it there works once; then nothing about keys or the policy, and the overview still."""
    setting = {
        "policy_type": "allowedNetwork",
        "policy_data": {"enabled": True, "attributes": {"allowed_network": "private-only"}},
    }
    metadata = {"collectionType": "application/vnd.ibm.kms.policy+json", "collectionTotal": 1}
    body = {"metadata": metadata, "resources": [setting]}
    assert lab.ui("PUT", "network-policy", json=body).status_code == 204
    asks: tuple[tuple[str, str, Any], ...] = (
        ("GET", "keys", None), ("POST", "keys", {}), ("GET", "network-policy", None), ("PUT", "network-policy", body),
    )  # fmt: skip
    for method, item, sent in asks:
        assert told(lab.ui(method, item, json=sent)) == (401, REFUSED)
        assert [line["rule"] for line in lab.lines] == ["policy.private-only"] * 2
    assert lab.ui("GET", "overview").json() == lab.document().json()


@pytest.mark.parametrize("account", ["rival", ""], ids=["stranger", "nobody"])
def test_console_and_broker_tell_strangers_nothing(lab: Lab, account: str) -> None:
    """The common refusal, as for an instance that is none."""
    for item in ("keys", "network-policy", "overview"):
        assert told(lab.ui("GET", item, account=account)) == (401, REFUSED)
    assert told(lab.document(account=account)) == (401, REFUSED)
    assert told(lab.ask(console(), "GET", "/services/hs-crypto/none/keys")) == (401, REFUSED)
    assert told(lab.ask(broker("us-south"), "GET", "/crypto_v2/instances/none")) == (401, REFUSED)


def test_the_document_tells_host_and_port_without_a_scheme(lab: Lab) -> None:
    """As the product's page shows it; also of an instance that is private-only and not initialised."""
    assert lab.document().json() == {
        "instance_id": lab.guid(),
        "kms": {
            "public": "api.us-south.hs-crypto.cloud.ibm.com:9042",
            "private": "api.private.us-south.hs-crypto.cloud.ibm.com:9042",
        },
        "ep11": {
            "public": "ep11.us-south.hs-crypto.cloud.ibm.com:9043",
            "private": "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043",
        },
    }
    there = lab.document("archive", region="eu-de").json()
    assert there["kms"]["private"] == "api.private.eu-de.hs-crypto.cloud.ibm.com:9044"
    assert lab.ui("GET", "overview", instance="archive").json() == there


def test_a_region_has_its_own_broker(lab: Lab) -> None:
    """Another's knows no such instance."""
    assert told(lab.document("archive")) == (401, REFUSED)
    assert lab.lines[-1]["rule"] == "instance.unknown"


def test_a_deleted_instance_has_no_document(lab: Lab) -> None:
    """And has one again when it is restored."""
    lab.cloud.delete(lab.guid())
    assert lab.document().status_code == lab.ui("GET", "overview").status_code == 404
    lab.cloud.restore(lab.guid())
    assert lab.document().status_code == 200


@pytest.mark.parametrize(
    "method,path,status,allow",
    [
        ("DELETE", "/services/hs-crypto/{guid}/keys", 405, "GET, POST"),
        ("POST", "/services/hs-crypto/{guid}/overview", 405, "GET"),
        ("GET", "/services/hs-crypto/{guid}/keys/one", 404, None),
        ("GET", "/", 404, None),
    ],
)
def test_what_the_console_has_not_is_said(lab: Lab, method: str, path: str, status: int, allow: str | None) -> None:
    """By path and by method; nothing is asked behind it."""
    answer = lab.ask(console(), method, path.format(guid=lab.guid()))
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert len(lab.lines) == 1


def test_what_the_broker_has_not_is_said(lab: Lab) -> None:
    """By path and by method."""
    assert lab.ask(broker("us-south"), "GET", "/crypto_v1").status_code == 404
    answer = lab.ask(broker("us-south"), "PATCH", f"/crypto_v2/instances/{lab.guid()}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_what_is_too_long_for_key_management_is_too_long_for_console_and_broker(lab: Lab) -> None:
    """They read no further than anybody may send."""
    assert lab.ui("POST", "keys", content=b"x" * (BODY_LIMIT + 1)).status_code == 413
    assert lab.document(content=b"x" * (BODY_LIMIT + 1)).status_code == 413


class _Inside(Memory):
    """A cloud whose console goes by the private door."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._cloud.console_side = Plane.PRIVATE


class _Trusting(Memory):
    """A cloud that leaves the policy out for the console's requests."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._cloud.enforced_on.discard(Surface.CONSOLE)


@pytest.mark.parametrize("backend", [_Inside, _Trusting])
def test_a_console_that_is_let_in_is_contradicted(backend: type[Memory]) -> None:
    """In memory, too: the UI does what it is stated to be refused, and other calls are refused still."""
    report = play(catalogue.load_scenario("ui_is_a_public_client"), Mode.MEMORY, backend=backend)
    wrong = {step.predicted.cause for step in report.steps if step.why and step.predicted}
    assert wrong == {"policy.not-in-the-ui"}


def test_the_console_sets_what_key_management_reads() -> None:
    """One instance behind both: the UI's policy refuses the API, and the UI."""
    locked = Outcome.UNAUTHORIZED
    ui, api = Call.console("laptop", "keys"), Call.public("laptop", "keys")
    steps = (
        Step("a key", ui.to(Operation.CREATE), Outcome.REACHED),
        Step("wrapped by the API", api.to(Operation.WRAP), Outcome.REACHED),
        Step("locked", SetPolicy(Policy.PRIVATE_ONLY, by=ui), Outcome.REACHED),
        Step("the API", api, locked.because("policy.private-only")),
        Step("the UI", ui, locked.because("policy.not-in-the-ui")),
    )
    report = play(Scenario(name="x", topology=TwoRegions(), steps=steps), Mode.MEMORY)
    assert [step.why for step in report.steps if step.why] == []


@pytest.mark.parametrize("surface", [Surface.CONSOLE, Surface.BROKER])
def test_a_private_console_is_one_clear_error(surface: Surface) -> None:
    """There is none: what to say instead stands beside it."""
    operation = Operation.GET_INSTANCE
    call = Call(by="vsi-1", instance="keys", plane=Plane.PRIVATE, surface=surface, operation=operation)
    steps = (Step("x", call, Outcome.REACHED),)
    with pytest.raises(
        ModelError, match=rf"x/step 1: .*no {surface.value} on the private network.*Call\.{surface.value}"
    ):
        play(Scenario(name="x", topology=TwoRegions(), steps=steps), Mode.MEMORY)
