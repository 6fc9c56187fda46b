"""A scripted lab: network, service, filters and capture say what they are told to say, and a real inquiry listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, cast

from lab import Call, catalogue
from lab.errors import ProbeFailed
from lab.kernel.messages import Lookup
from lab.measure.capture import Answer
from lab.measure.flow import TCP, Flow
from lab.measure.inquiry import Inquiry, Memory
from lab.measure.places import Places
from lab.measure.probe import Attempt, Observation, Prober
from lab.measure.requests import HeldKey, HttpRequest
from lab.measure.sightings import Sighting, Sightings
from lab.model import signatures
from lab.model.endpoint import kms
from lab.model.outcome import Measurement

WORLD = catalogue.load_topology("single_account").world()
KEYS = WORLD.instances["keys"]
VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
OWNER, TWIN, PRIVATE = "owner", "twin", "private"
LISTING = {"metadata": {"collectionTotal": 0}, "resources": []}


def signature(layer: str, value: object) -> signatures.Signature:
    """Return a known signature."""
    found = signatures.read(layer, str(value))
    assert found is not None
    return found


def refusal(text: str, code: str = "") -> dict[str, Any]:
    """Return an error document of the product's form."""
    return {"resources": [{"errorMsg": text, "reasons": [{"code": code}]}]}


@dataclass
class ScriptedLab:
    """The network, the service, the filters and the capture: each says what it is told to say.

    ``by_caller`` is the caller's answer (status and document), ``by_witness`` those of witnesses: for the instance
    at its private door (``private``, asked with the caller's token, ``owner`` with the owner's) and for the control
    instance (``twin``). ``attempt`` takes the place of the caller's answer where its packets die on the way.
    """

    call: Call
    by_caller: tuple[int, Any] = (200, LISTING)
    by_witness: dict[str, tuple[int, Any]] = field(default_factory=dict)
    attempt: Attempt | None = None
    seen: list[Sighting] = field(default_factory=list)
    lost: int = 0
    captured: Answer = field(default_factory=Answer)
    logged: dict[str, Any] = field(default_factory=dict)
    held: HeldKey | None = None
    asked: int = 0
    dead: str = ""

    @property
    def flow(self) -> Flow:
        """The flow of the caller's last attempt."""
        return Flow(
            protocol=TCP,
            source=IPv4Address("10.65.0.66"),
            source_port=40000,
            destination=kms(KEYS, self.call.plane).addresses[0],
            destination_port=kms(KEYS, self.call.plane).port,
        )

    async def ask(self, node: str, name: str, port: int, request: HttpRequest) -> Observation:
        """Answer a caller or a witness."""
        self.asked += 1
        if self.asked == 1:
            if self.attempt is not None:
                return Observation(node=node, name=name, port=port, attempts=(self.attempt,))
            return self._answer(node, name, port, self.by_caller)
        if self.dead:
            raise ProbeFailed(self.dead)
        ours = request.headers["bluemix-instance"] == KEYS.guid
        owner = request.headers["authorization"] == f"Bearer {OWNER}"
        who = TWIN if not ours else OWNER if owner and OWNER in self.by_witness else PRIVATE
        return self._answer(node, name, port, self.by_witness.get(who, (200, LISTING)))

    def _answer(self, node: str, name: str, port: int, said: tuple[int, Any]) -> Observation:
        status, document = said
        attempt = Attempt(flow=self.flow, since=0, signature=signature("http", status), detail=f"HTTP {status}")
        body = json.dumps(document).encode()
        return Observation(node=node, name=name, port=port, attempts=(attempt,), status=status, body=body)

    async def log_line(self, _number: str) -> str:
        """Return the service's log line."""
        return json.dumps(self.logged, separators=(",", ":"))

    async def find(self, _flow: Flow) -> Answer:
        """Return what the capture shows."""
        return self.captured

    def resolver(self, _node: str) -> IPv4Address:
        """Return any address."""
        return IPv4Address("161.26.0.10")

    def lookup(self, _node: str, _address: IPv4Address, **_how: object) -> Lookup:
        """Find a way: the host's kernel explains no denial."""
        return Lookup(gateway=IPv4Address("10.65.0.65"), index=2)

    def interfaces(self, _node: str) -> dict[int, str]:
        """Return one."""
        return {2: "eth0"}

    def measured(self) -> Measurement:
        """Return what an inquiry makes of all this."""
        sightings = Sightings()
        for seen in self.seen:
            sightings.take(seen)
        sightings.lost = self.lost
        memory = Memory(api_keys={"acme": "key"}, tokens={"acme": "caller", "rival": OWNER})
        if self.held is not None:
            memory.keys["keys", "k"] = self.held
        inquiry = Inquiry(
            prober=cast("Prober", self),
            places=cast("Places", self),
            sightings=sightings,
            memory=memory,
            log_line=self.log_line,
            find=self.find,
        )
        return asyncio.run(inquiry.measure(WORLD, self.call))


Spoil = Callable[[ScriptedLab], object]


def sets(**values: object) -> Spoil:
    """Return what gives a scripted lab other values."""

    def spoil(told: ScriptedLab) -> None:
        for name, value in values.items():
            setattr(told, name, value)

    return spoil


def logs(**values: object) -> Spoil:
    """Return what changes the service's log line."""
    return lambda told: told.logged.update(values)
