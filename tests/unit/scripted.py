"""A scripted lab: network, service, filters and capture say what they are told to say, and a real inquiry listens."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, cast

from lab import Builder, Call, catalogue
from lab.errors import ProbeFailed
from lab.kernel.conntrack import Ends
from lab.kernel.messages import Lookup
from lab.measure import requests
from lab.measure.capture import Answer, Seen
from lab.measure.flow import TCP, Flow
from lab.measure.grep11 import GrpcRequest
from lab.measure.inquiry import Inquiry, Memory
from lab.measure.observation import Attempt, Observation
from lab.measure.places import Places
from lab.measure.probe import Prober
from lab.measure.requests import Credentials, HttpRequest
from lab.measure.sightings import Sighting, Sightings
from lab.measure.tokens import Tokens
from lab.model import signatures
from lab.model.addresses import BACKBONE, translated
from lab.model.aim import aimed
from lab.model.call import Operation
from lab.model.endpoint import Endpoint, doors_of, kms, kms_port
from lab.model.outcome import Measurement
from lab.model.plane import Plane, Surface
from lab.model.world import World
from tests.unit import crypto

WORLD = catalogue.load_topology("single_account").world()
KEYS = WORLD.instances["keys"]
VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
EP11_VSI, EP11_LAPTOP = Call.ep11_private("vsi-1", "keys"), Call.ep11_public("laptop", "keys")
AGAIN = "again"
CALLER, TWIN, OWN_TWIN, PRIVATE, OWNER = "caller", "twin", "own-twin", "private", "owner"
POLICY, OTHER_POLICY, EDGE, WITNESS, ARCHIVE = "policy", "other-policy", "edge", "witness", "archive"
ACME = translated(1)
"""Where the services find the callers of the first account."""
UNITS: dict[str, Any] = {"hsms": [{"hsm_id": "1", "current_master_key": "Valid", "verification_pattern": "00"}]}
LISTING: dict[str, Any] = {"metadata": {"collectionTotal": 0}, "resources": []}


def jwt(account: str, *, bss: str = "") -> str:
    """Return what has the form of an access token of ``account``, for the account id ``bss``."""
    said = {"iam_id": f"iam-ServiceId-{account}", "account": {"bss": bss}}
    claims = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    return f"head.{claims.rstrip('=')}.signature"


def two_accounts() -> World:
    """Return a world with an instance of ``acme`` and a stranger's laptop."""
    builder = Builder()
    acme, rival = (builder.account(name, vrf=True, service_endpoints=True) for name in ("acme", "rival"))
    builder.vsi("vsi-1", account=acme)
    builder.internet_host("laptop", account=rival)
    builder.crypto_instance("keys", account=acme)
    return builder.world()


def siblings() -> World:
    """Return a world with two instances of one account, ports 9042 and 9044."""
    builder = Builder()
    acme = builder.account("acme", vrf=True, service_endpoints=True)
    builder.vsi("vsi-1", account=acme)
    for name in ("keys", "archive"):
        builder.crypto_instance(name, account=acme)
    return builder.world()


def appliance() -> World:
    """Return a world whose VSI stands behind a gateway appliance that permits no services."""
    builder = Builder()
    acme = builder.account("acme", vrf=True, service_endpoints=True)
    gateway = builder.gateway_appliance("gateway", account=acme, permits_services=False)
    builder.vsi("vsi-1", account=acme, behind=gateway)
    builder.crypto_instance("keys", account=acme)
    return builder.world()


def signature(layer: str, value: object) -> signatures.Signature:
    """Return a known signature."""
    found = signatures.read(layer, str(value))
    assert found is not None
    return found


def refusal(text: str, code: str = "") -> dict[str, Any]:
    """Return an error document of the product's form."""
    return {"resources": [{"errorMsg": text, "reasons": [{"code": code}]}]}


def policy(allowed: str, *, enabled: bool = True) -> dict[str, Any]:
    """Return a policy document."""
    return {
        "resources": [
            {
                "policy_type": "allowedNetwork",
                "policy_data": {"enabled": enabled, "attributes": {"allowed_network": allowed}},
            }
        ]
    }


@dataclass
class ScriptedLab:
    """The network, the service, the filters and the capture: each says what it is told to say.

    ``says`` holds answers (status and document) by who asks what: the caller; the twin (control instance of the
    instance's account) and the own twin (of the caller's) asked by the caller; the caller once more at its own door
    (``again``); the instance at its private door asked with the caller's token (``private``) or the owner's
    (``owner``); the owner's reading of the policy (``other-policy``: another instance's); the edge's witness; a
    witness at the door that was tried.
    ``attempt`` takes the place of the caller's answer where its packets die on the way. GREP11 is scripted by the same
    HTTP statuses, and answers truly where nothing is (``tests.unit.crypto``).
    """

    call: Call
    world: World = WORLD
    says: dict[str, tuple[int, Any]] = field(default_factory=dict)
    attempt: Attempt | None = None
    attempts: tuple[Attempt, ...] = ()
    resolved: tuple[IPv4Address, ...] | None = None
    source: IPv4Address | None = None
    seen: list[Sighting] = field(default_factory=list)
    lost: int = 0
    captured: Answer = field(default_factory=Answer)
    captured_again: Answer | None = None
    logged: dict[str, Any] = field(default_factory=dict)
    behind: dict[str, Any] = field(default_factory=dict)
    wrapped: dict[str, Any] | None = None
    sealed_by: str = "keys"
    blind: str = ""
    dead: str = ""
    mute: str = ""
    stays: bool = False
    echo: bool = False
    refused: int | None = None
    unheard: list[str] = field(default_factory=list)
    out: str = "eth0"
    port: str = "a1-1"
    edge_says: IPv4Address | None = ACME
    sent_on: bool = False
    captured_beyond: Answer = field(default_factory=Answer)
    sightings: Sightings = field(default_factory=Sightings)
    asked: list[str] = field(default_factory=list)
    secret: str = ""
    sent: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def door(self) -> Endpoint:
        """The caller's door."""
        found = aimed(self.world, self.call)
        assert found is not None, "it asks nobody"
        return found

    @property
    def flow(self) -> Flow:
        """The flow of the caller's last attempt."""
        nic = self.world.hosts[self.call.by].nic(self.call.plane) or self.world.hosts[self.call.by].nics[0]
        door = self.door
        return Flow(
            protocol=TCP,
            source=self.source or nic.address.ip,
            source_port=40000,
            destination=door.addresses[0],
            destination_port=door.port,
        )

    @property
    def beyond(self) -> Flow:
        """The same flow as doors and services see it."""
        made = self.onward("", self.flow.ends)
        return self.flow if made is None else Flow(**made._asdict())

    async def ask(
        self,
        node: str,
        name: str,
        port: int,
        request: HttpRequest,
        *,
        at: IPv4Address | None = None,
        first_only: bool = False,
    ) -> Observation:
        """Answer a caller or a witness; who tries one address only is told by ``attempts``."""
        who = self._who(node, port, request, at)
        self.asked.append(who)
        self.sent.append((node, request.headers.get("bluemix-instance", ""), request.method))
        if request.path.endswith("/wrap"):
            self.secret = json.loads(request.body)["plaintext"]
        if who == CALLER:
            return self._to_caller(node, name, port, request)
        if self.dead == who:
            raise ProbeFailed("no name")
        if self.mute == who:
            refused, there = signature("connect", "ECONNREFUSED"), self.resolver(node)
            gone = Attempt(flow=None, since=0, signature=refused, address=there)
            return Observation(node=node, name=name, port=port, attempts=(gone,))
        plane = Plane.PRIVATE if "private." in name else Plane.PUBLIC
        flow = Flow(
            protocol=TCP,
            source=self._address(node, plane),
            source_port=1024 + len(self.asked),
            destination=at or kms(KEYS, plane).addresses[0],
            destination_port=port,
        )
        if self.blind != "doors":
            self.sightings.take(Sighting(place=f"{plane.value}-services", rule=f"door.{plane.value}", flow=flow))
        if self.stays and request.method == "DELETE":
            return self._answer(node, name, port, flow, 409, refusal("no"))
        if self.echo and request.path.endswith("/unwrap"):
            return self._answer(node, name, port, flow, 200, {"plaintext": self.secret})
        asks_policy = "policies" in request.path and request.method == "GET"
        otherwise = (200, UNITS if request.listing else LISTING)
        theirs = OTHER_POLICY if request.headers.get("bluemix-instance") != KEYS.guid else POLICY
        asked = (theirs if theirs in self.says else POLICY) if asks_policy else who
        status, document = self.says.get(asked, otherwise)
        return self._answer(node, name, port, flow, status, document, request=request)

    def _address(self, node: str, plane: Plane) -> IPv4Address:
        """Return from where a node asks: a host from its own side of the door, a witness from among the services."""
        host = self.world.hosts.get(node)
        if host is None:
            return IPv4Address("166.8.0.6")
        return (host.nic(plane) or host.nics[0]).address.ip

    def _who(self, node: str, port: int, request: HttpRequest, at: IPv4Address | None) -> str:
        if "correlation-id" in request.headers:
            return CALLER
        keys = self.world.instances["keys"]
        # at a shared door the path names the instance
        ours = port in {door.port for door in doors_of(keys)} or keys.guid in request.path
        owners = request.headers.get("authorization") == f"Bearer {jwt(keys.account)}"
        if node == "witness-edge":
            return EDGE
        other = self.world.instances.get("archive", keys)
        if not ours and (port == kms_port(other) or other.guid in request.path):
            return ARCHIVE
        if ours and node == self.call.by:
            return AGAIN
        if ours and at is not None:
            return WITNESS
        if ours:
            return OWNER if owners and OWNER in self.says else PRIVATE
        return TWIN if owners or OWN_TWIN not in self.says or TWIN not in self.asked else OWN_TWIN

    def _to_caller(self, node: str, name: str, port: int, request: HttpRequest) -> Observation:
        resolved = self.door.addresses if self.resolved is None else self.resolved
        if self.attempt is not None:
            return Observation(
                node=node, name=name, port=port, resolved=resolved, attempts=self.attempts or (self.attempt,)
            )
        status, document = self.says.get(CALLER, (200, LISTING))
        return self._answer(node, name, port, self.flow, status, document, resolved, request)

    def _answer(
        self,
        node: str,
        name: str,
        port: int,
        flow: Flow,
        status: int,
        document: Any,
        resolved: tuple[IPv4Address, ...] = (),
        request: HttpRequest | None = None,
    ) -> Observation:
        if isinstance(request, GrpcRequest):
            instance = "keys" if port in {door.port for door in doors_of(self.world.instances["keys"])} else "twin"
            given = crypto.answer(instance, request, status, document)
            value, refused = crypto.shown(given)
            showed = Attempt(
                flow=flow, since=0, signature=signature("grpc", value), address=flow.destination, detail=f"gRPC {value}"
            )
            return Observation(
                node=node, name=name, port=port, attempts=(showed,), resolved=resolved,
                status=given.status.value, body=given.body, refusal=refused,
            )  # fmt: skip
        body = json.dumps(document).encode()
        attempt = Attempt(
            flow=flow,
            since=0,
            signature=signature("http", requests.shown(request or HttpRequest(method="", path=""), status, body)),
            address=flow.destination,
            detail=f"HTTP {status}",
        )
        return Observation(
            node=node, name=name, port=port, attempts=(attempt,), resolved=resolved, status=status, body=body
        )

    async def resolve(self, node: str, _name: str) -> tuple[IPv4Address, ...] | Attempt:
        """Return what a witness is told by the resolver."""
        if self.dead == "resolver":
            return Attempt(
                flow=None, since=0, signature=signature("dns", "timeout"), address=self.resolver(node), detail="silence"
            )
        return kms(KEYS, self.call.plane).addresses[: 1 if self.dead == "two zones" else None]

    async def log_lines(self, _number: str, _surface: Surface) -> list[str]:
        """Return the service's log line, behind that of the console's own request where there is one."""
        return [json.dumps(line) for line in (self.behind, self.logged) if line]

    async def find(self, flow: Flow, _since: float, *, in_words: bool = True) -> Answer:
        """Return what the capture shows: of the caller's packets what it is told, a witness's at the services."""
        if self.blind == "capture":
            return Answer()
        if self.sent_on and flow.source == self.beyond.source:
            return self.captured_beyond
        if flow.source != self.flow.source:
            points = ("private-services:witness", "private-services:eth0")[: 1 if self.blind == "eth0" else 2]
            return Answer(seen=[Seen(point=point, count=1, first=0.0, summary="SYN") for point in points])
        first = self.captured_again is None or flow == self.flow
        return self.captured if first else self.captured_again or Answer()

    def resolver(self, _node: str) -> IPv4Address:
        """Return any address."""
        return IPv4Address("161.26.0.10")

    def lookup(self, _node: str, _address: IPv4Address, **_how: object) -> Lookup:
        """Find a way, which explains no denial, unless told that the kernel refuses."""
        return Lookup(error=self.refused) if self.refused else Lookup(gateway=IPv4Address("10.65.0.65"), index=2)

    def owner(self, link_address: str) -> str:
        """Return the node of which it is the link address: in this lab its name."""
        return link_address

    def interfaces(self, _node: str) -> dict[int, str]:
        """Return two: the port by which every reported packet came in, and that by which every look-up leads out."""
        return {0: self.port, 2: self.out}

    def onward(self, _node: str, ends: Ends) -> Ends | None:
        """Return what the edge made of the caller's packets: of those that came in by a private side and went on."""
        died = self.attempt is not None and not self.sent_on
        if ends.source not in BACKBONE or self.edge_says is None or died:
            return None
        return ends._replace(source=self.edge_says)

    def unanswered(self, _node: str) -> list[str]:
        """Return the neighbours that nobody answers for."""
        return self.unheard

    def inquiry(self) -> Inquiry:
        """Return an inquiry that listens to all this."""
        for seen in self.seen:
            self.sightings.take(seen)
        if self.lost:
            self.sightings.lose()
        memory = Memory(
            api_keys=dict.fromkeys(self.world.accounts, "key"),
            tokens=Tokens({name: jwt(name) for name in self.world.accounts}),
        )
        if self.wrapped is not None:
            self._hold(memory)
        return Inquiry(
            prober=cast("Prober", self),
            places=cast("Places", self),
            sightings=self.sightings,
            memory=memory,
            log_lines=self.log_lines,
            find=self.find,
        )

    def _hold(self, memory: Memory) -> None:
        """Let the keyring hold a key ``k`` that has wrapped something; ``wrapped`` learns what."""
        credentials = Credentials(token="", guid="")
        made = self._answer("", "", 0, self.flow, 201, {"resources": [{"id": "k"}]})
        if self.call.surface is Surface.EP11:
            self._hold_blob(memory, credentials)
            return
        about = Call.private("vsi-1", "keys", Operation.CREATE, key="k")
        memory.keys.take(about, made)
        request = memory.keys.request(about.to(Operation.WRAP, key="k"), credentials)
        assert self.wrapped is not None
        self.wrapped["plaintext"] = json.loads(request.body)["plaintext"]
        sealed = self._answer("", "", 0, self.flow, 200, {"ciphertext": base64.b64encode(b"sealed").decode()})
        memory.keys.take(about.to(Operation.WRAP, key="k"), sealed)

    def _hold_blob(self, memory: Memory, credentials: Credentials) -> None:
        """Let the keyring hold an EP11 key ``k`` of the instance ``sealed_by`` that has encrypted something."""
        for operation in (Operation.GENERATE_KEY, Operation.ENCRYPT):
            about = self.call.to(operation, key="k")
            request = memory.keys.request(about, credentials)
            assert isinstance(request, GrpcRequest)
            body = crypto.truth(self.sealed_by, request).body
            memory.keys.take(about, Observation(node="", name="", port=0, attempts=(), status=0, body=body))

    def measured(self) -> Measurement:
        """Return what an inquiry makes of all this."""
        return asyncio.run(self.inquiry().measure(self.world, self.call))
