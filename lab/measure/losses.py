"""Losses: proves a denial on the way, as far as it can be proved.

It needs: the place where the packets died was seen, on the node where its rule stands; every detector was shown to
see (the caller's packet at its own interface, a witness's at the door); nothing of it arrived; every address that was
tried answers its owner; and the same edge lets somebody else through.
"""

from __future__ import annotations

from collections.abc import Awaitable
from ipaddress import IPv4Address
from typing import Final, Protocol

from lab.describe.placing import control, ports
from lab.describe.plan import BACKBONE, PRIVATE_SERVICES, PUBLIC_SERVICES, WITNESS_EDGE
from lab.errors import ProbeFailed
from lab.measure import checks
from lab.measure.asked import Asked, arrived
from lab.measure.capture import Answer
from lab.measure.controls import rightly
from lab.measure.flow import TCP, Flow
from lab.measure.observation import Attempt, Observation
from lab.measure.owner import WITNESSES, Owner
from lab.measure.places import Places
from lab.measure.probe import Prober
from lab.measure.sightings import Sightings
from lab.model.endpoint import ABOUT_INSTANCES, INSTANCE_SURFACES, iam, of_instance
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Surface

_SERVICE_NODES: Final = (f"{PRIVATE_SERVICES}:", f"{PUBLIC_SERVICES}:")


class Find(Protocol):
    """Asks the capture where frames of a flow passed after a moment; without words where nobody shows them."""

    def __call__(self, flow: Flow, since: float, /, *, in_words: bool = True) -> Awaitable[Answer]:
        """Return what it answers."""


class Losses:
    """Proves denials on the way in one running lab; ``find`` asks the capture, None where nothing is captured."""

    def __init__(
        self, *, prober: Prober, places: Places, sightings: Sightings, owner: Owner, find: Find | None
    ) -> None:
        """Keep what proving needs."""
        self._prober, self._places, self._sightings = prober, places, sightings
        self._owner, self._find = owner, find

    async def prove(self, asked: Asked) -> Measurement:
        """Return the denial with its cause and evidence, ``vacuous`` where the proof is not whole."""
        attempt, evidence = asked.observed.last, list[Evidence]()
        if attempt.sighting is not None:
            cause, place = attempt.sighting.rule, attempt.sighting.place
            evidence.append(Evidence(kind="left", where=asked.observed.node, detail=f"it reached {place}"))
        else:
            cause = self._asked_kernel(asked.observed.node, attempt, evidence)
        wrong = [
            checks.astray(asked),
            checks.misplaced(asked.world.hosts[asked.call.by], attempt.sighting),
            self._anothers(asked),
            _unexplained(attempt, cause),
            *[await check(asked, evidence) for check in (self._captured, self._arrived, self._answers)],
            await self._passable(asked, cause, evidence),
            # last, when all has been looked at
            self._unreported(asked.observed),
        ]
        why = next(filter(None, wrong), "")
        cause = "" if why else cause
        return Measurement(outcome=attempt.signature.outcome, cause=cause, evidence=tuple(evidence), vacuous=why)

    def _asked_kernel(self, node: str, attempt: Attempt, evidence: list[Evidence]) -> str:
        """Look the way up in the host's own kernel; return the cause if that explains the error."""
        found, names = self._places.lookup(node, attempt.address), self._places.interfaces(node)
        if found.error is not None:
            detail = f"{attempt.address}: refused, errno {found.error}"
            evidence.append(Evidence(kind="route-lookup", where=node, detail=detail))
            # the model knows no unreachable, prohibit or blackhole route: their refusals stay unexplained
            return "host.no-route" if attempt.signature.value == "ENETUNREACH" and attempt.flow is None else ""
        via, interface = f" via {found.gateway}" if found.gateway else "", names.get(found.index or 0, "?")
        detail = f"{attempt.address}{via} dev {interface}"
        evidence.append(Evidence(kind="route-lookup", where=node, detail=detail))
        hop = f"{found.gateway or attempt.address} dev {interface}"
        if attempt.signature.value != "EHOSTUNREACH" or hop not in self._places.unanswered(node):
            return ""
        evidence.append(Evidence(kind="neighbour", where=node, detail=f"{hop}: nobody answers for it"))
        return "host.no-neighbour"

    def _anothers(self, asked: Asked) -> str:
        """Return what is wrong with a drop of what did not come in where the caller is: addresses may be equal."""
        sighting, host = asked.observed.last.sighting, asked.world.hosts[asked.call.by]
        if sighting is None or sighting.place != BACKBONE:
            return ""
        incoming = self._places.interfaces(BACKBONE).get(sighting.incoming, "no link of its own")
        own = [port.interface for port in ports(asked.world, Plane.PRIVATE) if port.node == (host.behind or host.name)]
        if incoming in own:
            return ""
        return f"what {BACKBONE} reports came in by {incoming}, and {host.name} is at {', '.join(own) or 'none'}"

    def _unreported(self, observed: Observation) -> str:
        """Return what is wrong with a silence in which reports were lost."""
        lost = self._sightings.lost(min(attempt.since for attempt in observed.attempts))
        return "reports of filters were lost: what was not seen proves nothing" if lost else ""

    async def _captured(self, asked: Asked, evidence: list[Evidence]) -> str:
        """Look for its packets on the wire: at the caller's own interface, and nowhere at the services."""
        if self._find is None:
            return ""
        node, why = asked.observed.node, ""
        for flow in asked.observed.last.flows:
            answers = [await self._find(known, asked.observed.last.at) for known in asked.seen_as(flow)]
            found, frames = answers[-1], [at for answer in answers for at in answer.seen]
            seen = [Evidence(kind="capture", where=at.point, detail=f"{at.count} x {at.summary}") for at in frames]
            nothing = Evidence(
                kind="capture", where=asked.endpoint.name, detail=f"nothing at {', '.join(found.points)}"
            )
            evidence += seen or [nothing]
            passed = [at.point for at in frames]
            if found.lost:
                why = why or f"{found.lost} frames were lost to the capture: what it did not see proves nothing"
            if beyond := [point for point in passed if point.startswith(_SERVICE_NODES)]:
                why = why or (f"the capture shows its packets beyond the place of the denial, at {', '.join(beyond)}")
            left = any(at.startswith(f"{node}:") for at in passed)
            if asked.observed.last.sighting is not None and not left:
                why = why or f"the capture did not see it leave {node}: it is blind"
            if asked.observed.last.sighting is None and left:
                why = why or f"the capture saw it leave {node}, and no filter says what became of it"
        return why

    async def _arrived(self, asked: Asked, evidence: list[Evidence]) -> str:
        """Look whether a door saw any of its packets; a query is the capture's to follow."""
        for attempt in asked.observed.attempts:
            for flow in attempt.flows:
                if flow.protocol != TCP:
                    continue
                seen = (s for known in asked.seen_as(flow) for s in self._sightings.of(known, attempt.since))
                if any(sighting.rule.startswith("door.") for sighting in seen):
                    return f"a packet of {flow} arrived at the door although the client saw none of it"
                nothing = f"nothing of {flow}"
                evidence.append(Evidence(kind="not-seen-beyond", where=asked.endpoint.name, detail=nothing))
        return ""

    async def _answers(self, asked: Asked, evidence: list[Evidence]) -> str:
        """Have every address that was tried answer its owner, and see the owner's packets arrive there."""
        try:
            if asked.observed.signature.layer == "dns":
                return await self._resolves(asked, evidence)
            for address in dict.fromkeys(attempt.address for attempt in asked.observed.attempts):
                if why := await self._answers_at(asked, address, evidence):
                    return why
        except ProbeFailed as error:
            return f"the door answers nobody: {error}"
        return ""

    async def _resolves(self, asked: Asked, evidence: list[Evidence]) -> str:
        """Have the very resolver that the caller asked tell a witness the endpoint's addresses."""
        resolver, name = self._places.resolver(asked.observed.node), asked.observed.name
        witness = next((node for node in WITNESSES.values() if self._places.resolver(node) == resolver), "")
        if not witness:
            raise ProbeFailed(f"no witness asks the resolver {resolver}")
        found = await self._prober.resolve(witness, name)
        if isinstance(found, Attempt):
            return f"resolver {resolver} answers nobody: {witness}: {found.detail}"
        detail = f"{witness} at resolver {resolver}: {name} is {', '.join(map(str, found))}"
        evidence.append(Evidence(kind="listener-answered", where=asked.endpoint.name, detail=detail))
        return "" if found == asked.endpoint.addresses else f"resolver {resolver} leads {witness} elsewhere"

    async def _answers_at(self, asked: Asked, address: IPv4Address, evidence: list[Evidence]) -> str:
        plane = asked.endpoint.plane
        seen = await self._as_owner(asked, at=address)
        said = f"{seen.node} at {address}:{seen.port}: {seen.last.detail or seen.signature.value}"
        evidence.append(Evidence(kind="listener-answered", where=asked.endpoint.name, detail=said))
        if not await rightly(asked, seen, asked.endpoint, self._owner):
            return f"the door answers nobody: {said}"
        flow = seen.last.flow
        if flow is None or not arrived(tuple(self._sightings.of(flow, seen.last.since)), plane, flow):
            return f"{seen.node} was answered, but the door did not see it arrive: it is blind"
        if self._find is not None and not any(at.startswith(_SERVICE_NODES) for at in await self._points(seen)):
            return f"{seen.node} was answered, but the capture did not see it at the services: it is blind"
        return ""

    async def _as_owner(self, asked: Asked, *, at: IPv4Address) -> Observation:
        """Ask the endpoint for what its owner may have."""
        if asked.call.surface in ABOUT_INSTANCES and asked.endpoint.surface is not Surface.KEY_PROTECT:
            door = asked.endpoint
            return await self._owner.plainest(asked.theirs(door), door.surface, plane=door.plane, at=at)
        node = WITNESSES[asked.endpoint.plane]
        return await self._prober.ask(node, asked.endpoint.names[0], asked.endpoint.port, asked.request, at=at)

    async def _passable(self, asked: Asked, cause: str, evidence: list[Evidence]) -> str:
        """Have somebody else pass the edge that dropped it: what an edge drops for everybody is no denial."""
        try:
            if cause.startswith(("edge.", "zone.")):
                seen = await self._through_the_edge(asked)
                what = "through the same edge, an account with VRF and service endpoints"
            elif cause.startswith("internet."):
                seen = await self._over_the_internet(asked)
                what = "the same caller over the internet, the public control instance"
            elif cause.startswith("gateway."):
                if why := await self._through_the_gateway(asked, evidence):
                    return why
                seen = await self._through_the_edge(asked)
                what = "beyond the appliance, through the edge, an account with VRF and service endpoints"
            else:
                return ""
        except ProbeFailed as error:
            return f"nobody passes the place that dropped it: {error}"
        said = f"{what}: {seen.last.detail or seen.signature.value}"
        evidence.append(Evidence(kind="control-pair", where=seen.name, detail=said))
        if seen.status is None:
            return f"nobody passes the place that dropped it: {said}"
        if self._find is not None and not any(at.endswith("-services:eth0") for at in await self._points(seen)):
            return f"{seen.node} passed, but the capture did not see it come to the services: it is blind"
        return ""

    async def _points(self, seen: Observation) -> list[str]:
        """Return where the capture saw what a witness sent; nowhere without a capture."""
        flow = seen.last.flow
        if self._find is None or flow is None:
            return []
        return [at.point for at in (await self._find(flow, seen.last.at, in_words=False)).seen]

    async def _through_the_edge(self, asked: Asked) -> Observation:
        """Ask at the private door, at any of its addresses: in a zone that is down nobody is served."""
        if asked.call.surface in ABOUT_INSTANCES:
            instance = asked.world.instances[asked.call.instance]
            return await self._owner.plainest(instance, _own(asked.call.surface), node=WITNESS_EDGE)
        door = iam(Plane.PRIVATE)
        return await self._prober.ask(WITNESS_EDGE, door.names[0], door.port, asked.request)

    async def _through_the_gateway(self, asked: Asked, evidence: list[Evidence]) -> str:
        """Have the caller's own query pass the appliance: to its resolver, on the far side of it."""
        caller, resolver = asked.call.by, self._places.resolver(asked.call.by)
        found, names = self._places.lookup(caller, resolver), self._places.interfaces(caller)
        nic = asked.world.hosts[caller].nic(Plane.PRIVATE)
        if nic is None or names.get(found.index or 0) != nic.name:
            return f"{caller} does not ask {resolver} by its private side: nothing passes the place that dropped it"
        answer = await self._prober.resolve(caller, asked.observed.name)
        if isinstance(answer, Attempt):
            return f"nobody passes the place that dropped it: {resolver}: {answer.detail}"
        said = f"the same caller's query to {resolver}: {asked.observed.name} is {', '.join(map(str, answer))}"
        place = asked.world.hosts[caller].behind or caller
        evidence.append(Evidence(kind="control-pair", where=place, detail=said))
        return ""

    async def _over_the_internet(self, asked: Asked) -> Observation:
        twin = control(asked.world, asked.world.hosts[asked.call.by].account)
        surface = _own(asked.call.surface)
        at = of_instance(twin, surface, Plane.PUBLIC).addresses[0]
        return await self._owner.plainest(twin, surface, plane=Plane.PUBLIC, node=asked.call.by, at=at)


def _own(surface: Surface) -> Surface:
    """Return ``surface`` if instances have doors of their own of it, else key management, which has."""
    return surface if surface in INSTANCE_SURFACES else Surface.KMS


def _unexplained(attempt: Attempt, cause: str) -> str:
    """Return what is wrong with a denial whose place was not seen."""
    if attempt.signature.outcome is Outcome.REFUSED:
        return "the door itself refuses connections: nobody could have got through"
    return "" if cause else "the place where the packets died was not seen"
