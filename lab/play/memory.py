"""The memory backend: no sockets. The oracle decides which door a call finds, the real services' code decides there.

What dies on the way is nobody's to measure here; what a door says is compared with the oracle's word.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from lab.errors import ProbeFailed
from lab.measure import grep11, requests
from lab.measure.grep11 import GrpcRequest
from lab.measure.keyring import Keyring
from lab.measure.requests import Credentials, HttpRequest
from lab.model import signatures
from lab.model.action import Action, apply, effect
from lab.model.aim import aimed
from lab.model.call import Call, Operation
from lab.model.endpoint import Endpoint, iam
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Surface
from lab.model.routes import RouteRefused
from lab.model.rules import LOGGED_AS
from lab.model.world import World
from lab.oracle import path
from lab.serve import furnishing, grpc
from lab.serve.app import surface_app
from lab.serve.cloud import Cloud
from lab.serve.exchange import Site, at_door
from lab.services.ep11.api import OPERATIONS

_API_KEY: Final = "memory-{account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer of a door."""

    name: str
    status: int
    body: bytes
    layer: str = "http"
    value: str = ""


class Memory:
    """A cloud without a network. ``vrf_backend`` is None: there is no routing table."""

    mode = "memory"
    vrf_backend: str | None = None

    def __init__(self, world: World) -> None:
        """Start from ``world``."""
        self._world = world
        self._log: list[str] = []
        self._cloud = Cloud(self._log.append)
        self._keys = Keyring()
        # a thread of its own: in a notebook this one has a loop that runs already
        self._carrier = ThreadPoolExecutor(1)
        for request in furnishing.world(world, {name: _API_KEY.format(account=name) for name in world.accounts}):
            self._cloud.obey(request)

    def act(self, action: Action) -> Measurement | None:
        """Carry out a change in the services, as far as it concerns them; None where a kernel would have its say."""
        try:
            after = apply(self._world, action)
        except RouteRefused:
            return None
        for request in furnishing.change(self._world, after, action):
            self._cloud.obey(request)
        self._world = after  # accounts, hosts and zones are the network's, and the oracle stands in for it here
        return Measurement(outcome=Outcome.DONE)

    def ask(self, call: Call) -> Measurement | None:
        """Return what the door says; None where the call finds none."""
        if (endpoint := aimed(self._world, call)) is None:
            return None
        door = path.find(self._world, self._world.host(call.by), endpoint, first_only=call.first_only).door
        if door is None:
            return None
        request = self._request(call)
        if isinstance(request, GrpcRequest) != (endpoint.surface is Surface.EP11):
            return None  # two protocols meet, and what comes of it is theirs
        heard = self._send(replace(endpoint, plane=door), request)
        found = signatures.read(heard.layer, heard.value)
        if found is None:
            raise ProbeFailed(f"{endpoint.name}: {heard.layer} {heard.value} has no meaning here: {heard.body[:200]!r}")
        if found.outcome is Outcome.REACHED:
            self._keys.take(call, heard)
            self._world = effect(self._world, call)
        line = self._log[-1]
        evidence = Evidence(kind="memory-log", where=endpoint.name, detail=line)
        cause = "" if found.outcome is Outcome.REACHED else _rule(call, line)
        return Measurement(outcome=found.outcome, cause=cause, evidence=(evidence,))

    def __enter__(self) -> Self:
        """Nothing to start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the thread that carried the requests."""
        self._carrier.shutdown()

    def _request(self, call: Call) -> HttpRequest:
        account = self._world.host(call.by).account
        asked = requests.token(_API_KEY.format(account=account))
        if call.surface is Surface.IAM:
            return asked
        token = requests.token_in(self._send(iam(Plane.PRIVATE), asked))
        credentials = Credentials(token=token, guid=self._world.instance(call.instance).guid)
        return self._keys.request(call, credentials)

    def _send(self, endpoint: Endpoint, request: HttpRequest) -> Heard:
        site = Site(door=furnishing.door(endpoint), cloud=self._cloud)
        if isinstance(request, GrpcRequest):
            operation = OPERATIONS[request.path]
            given = grpc.answer(site, request.path, operation, request.headers, request.body, ("", 0))
            value, _ = grep11.showed(given.status, given.details)
            return Heard(name=endpoint.names[0], status=given.status, body=given.body, layer="grpc", value=value)
        app: Any = at_door(surface_app(endpoint.surface), site)

        async def exchange() -> Heard:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=endpoint.url) as client:
                answer = await client.request(
                    request.method, request.path, headers=dict(request.headers), content=request.body
                )
                status = answer.status_code
                return Heard(name=endpoint.names[0], status=status, body=answer.content, value=str(status))

        return self._carrier.submit(asyncio.run, exchange()).result()


def _rule(call: Call, line: str) -> str:
    """Return the catalogue's name of the rule in a log line."""
    said = str(msgspec.json.decode(line)["rule"])
    if said == LOGGED_AS["policy.needs-initialised"]:
        return "policy.needs-initialised" if call.operation is Operation.SET_POLICY else said
    if said == LOGGED_AS["policy.both-apis"]:
        return "policy.both-apis" if call.surface is Surface.EP11 else said
    return next((rule for rule, logged in LOGGED_AS.items() if logged == said), said)
