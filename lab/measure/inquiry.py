"""The inquiry: measures one call, and believes a denial only with proof.

A denial on the way needs: the door answers a witness, a filter reported the packet as dropped under a named
rule (or the host's own kernel says why it never left), and nothing of it arrived at a door. A denial at
the door needs control pairs. What cannot be proved is reported as vacuous, never as "blocked".
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from lab.describe.plan import BACKBONE, INTERNET, PRIVATE_SERVICES, PUBLIC_SERVICES, WITNESS_PRIVATE, WITNESS_PUBLIC
from lab.errors import ProbeFailed
from lab.measure import requests
from lab.measure.capture import Answer
from lab.measure.controls import Controls
from lab.measure.flow import UDP, Flow
from lab.measure.places import Places
from lab.measure.probe import Attempt, Observation, Prober
from lab.measure.requests import Credentials, HeldKey, HttpRequest
from lab.measure.sightings import Sighting, Sightings
from lab.model.call import Call, Operation
from lab.model.endpoint import Endpoint, iam, kms
from lab.model.outcome import DENIED_AT_THE_DOOR, Evidence, Measurement, Outcome
from lab.model.plane import Plane, Surface
from lab.model.world import World

_ON_THE_HOST: Final = frozenset({"ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"})
_SERVICE_NODES: Final = (f"{PRIVATE_SERVICES}:", f"{PUBLIC_SERVICES}:")
_STANDS: Final = {"edge.": BACKBONE, "internet.": INTERNET}
_FIRST_REFUSAL: Final = 400
_LOGGED_AS: Final = {"policy.needs-initialised": "instance.not-initialised"}
WITNESSES: Final[Mapping[Plane, str]] = {Plane.PRIVATE: WITNESS_PRIVATE, Plane.PUBLIC: WITNESS_PUBLIC}


@dataclass(slots=True, kw_only=True)
class Memory:
    """What one rehearsal remembers between calls: tokens by account, keys by instance and name."""

    api_keys: Mapping[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    keys: dict[tuple[str, str], HeldKey] = field(default_factory=dict)


class Inquiry:
    """Measures calls in one running lab. ``log_line`` returns what the services logged about a request."""

    def __init__(
        self,
        *,
        prober: Prober,
        places: Places,
        sightings: Sightings,
        memory: Memory,
        log_line: Callable[[str], Awaitable[str]],
        find: Callable[[Flow], Awaitable[Answer]] | None,
    ) -> None:
        """Keep what measuring needs; ``find`` asks the capture for a flow, None where nothing is captured."""
        self._find = find
        self._prober, self._places, self._sightings = prober, places, sightings
        self._memory, self._log_line = memory, log_line
        self._controls = Controls(prober, WITNESSES)

    async def measure(self, world: World, call: Call) -> Measurement:
        """Return what ``call`` meets.

        Args:
            world: The names and numbers of instances and accounts; nothing is predicted from it.

        Raises:
            ProbeFailed: The question could not be asked.
        """
        endpoint = _endpoint(world, call)
        request, number = await self._request(world, call), secrets.token_hex(16)
        numbered = replace(request, headers={**request.headers, "correlation-id": number})
        observed = await self._prober.ask(call.by, endpoint.names[0], endpoint.port, numbered)
        outcome = observed.signature.outcome
        evidence = (*self._seen(observed), *await self._logged(observed, number))
        if outcome is Outcome.REACHED:
            self._remember(world, call, observed)
            why = elsewhere(call, evidence) or contradiction(world, call, observed.status, evidence)
            return Measurement(outcome=outcome, evidence=evidence, vacuous=why or await self._shown(world, call))
        if outcome in DENIED_AT_THE_DOOR:
            proof = await self._controls.prove(world, call, await self._credentials(world, call), observed, self.token)
            proof = corroborated(proof, evidence)
            if why := contradiction(world, call, observed.status, evidence):
                proof = replace(proof, cause="", vacuous=why)
        else:
            proof = await self._lost(world, call, endpoint, observed)
        return replace(proof, evidence=(*evidence, *proof.evidence))

    async def token(self, account: str) -> str:
        """Return a token for the account's API key, fetched by the private witness unless a step has brought one."""
        if account not in self._memory.tokens:
            where = iam(Plane.PRIVATE)
            request = requests.token(self._memory.api_keys[account])
            observed = await self._prober.ask(WITNESS_PRIVATE, where.names[0], where.port, request)
            if observed.signature.outcome is not Outcome.REACHED:
                raise ProbeFailed(f"no token for {account}: {where.name} gives the witness {observed.last.detail}")
            self._memory.tokens[account] = requests.token_in(observed)
        return self._memory.tokens[account]

    async def _shown(self, world: World, call: Call) -> str:
        """Return what is wrong with a change that was acknowledged, having asked for it at the private door."""
        if call.operation not in {Operation.SET_POLICY, Operation.DELETE}:
            return ""
        instance = world.instances[call.instance]
        door, credentials = kms(instance, Plane.PRIVATE), await self._credentials(world, call)
        setting = call.operation is Operation.SET_POLICY
        held = self._memory.keys.get((call.instance, call.key or ""))
        request = requests.key_management(Operation.GET_POLICY if setting else Operation.GET, credentials, held=held)
        seen = await self._prober.ask(WITNESS_PRIVATE, door.names[0], door.port, request)
        if setting:
            served = seen.signature.outcome is Outcome.REACHED
            return (
                "" if served and requests.policy_in(seen) is call.policy else "acknowledged, but the policy is not set"
            )
        gone = seen.signature.outcome in {Outcome.GONE, Outcome.NOT_FOUND}
        return "" if gone else "acknowledged, but the key is there"

    async def _credentials(self, world: World, call: Call) -> Credentials:
        account = world.hosts[call.by].account
        if call.surface is Surface.IAM:
            return Credentials(token="", guid="")
        return Credentials(token=await self.token(account), guid=world.instances[call.instance].guid)

    async def _request(self, world: World, call: Call) -> HttpRequest:
        if call.surface is Surface.IAM:
            return requests.token(self._memory.api_keys[world.hosts[call.by].account])
        held = self._memory.keys.get((call.instance, call.key or ""))
        if call.operation is Operation.UNWRAP and held is not None and not held.ciphertext:
            raise ProbeFailed(f"nothing was wrapped by {call.key} yet: wrap before you unwrap")
        credentials = await self._credentials(world, call)
        return requests.key_management(call.operation, credentials, name=call.key or "", held=held, policy=call.policy)

    def _remember(self, world: World, call: Call, observed: Observation) -> None:
        place = (call.instance, call.key or "")
        match call.operation:
            case Operation.TOKEN:
                self._memory.tokens[world.hosts[call.by].account] = requests.token_in(observed)
            case Operation.CREATE:
                self._memory.keys[place] = requests.created_in(observed)
            case Operation.WRAP:
                held = self._memory.keys[place]
                self._memory.keys[place] = replace(held, ciphertext=requests.ciphertext_in(observed))
            case Operation.UNWRAP:
                requests.check_unwrapped(observed)
            case Operation.LIST:
                requests.check_listing(observed)
            case _:
                return

    def _seen(self, observed: Observation) -> list[Evidence]:
        """Return what the attempts and the filters showed, in order."""
        found = []
        for attempt in observed.attempts:
            kind = "http" if attempt.signature.layer == "http" else "errno"
            if attempt.sighting is None:
                text = f"{attempt.signature.value}: {attempt.signature.meaning}; {attempt.detail}"
                found.append(Evidence(kind=kind, where=observed.node, detail=text))
            if attempt.flow is not None:
                for seen in self._sightings.of(attempt.flow, attempt.since):
                    kind = "arrived" if seen.rule.startswith("door.") else "drop"
                    found.append(Evidence(kind=kind, where=seen.place, detail=f"{seen.rule}: {seen.flow}"))
        if observed.status is not None and observed.signature.outcome is not Outcome.REACHED:
            found.append(Evidence(kind="http", where=observed.name, detail=requests.message_in(observed)))
        return found

    async def _logged(self, observed: Observation, number: str) -> list[Evidence]:
        if observed.status is None:
            return []
        return [Evidence(kind="service-log", where=observed.name, detail=await self._log_line(number))]

    async def _lost(self, world: World, call: Call, endpoint: Endpoint, observed: Observation) -> Measurement:
        """Prove a denial on the way, as far as it can be proved."""
        attempt = observed.last
        evidence, cause, why = [], "", ""
        if self._find is not None and attempt.flow is not None:
            captured = await self._find(attempt.flow)
            if captured.lost:
                why = f"{captured.lost} frames were lost to the capture: what it did not see proves nothing"
            evidence += _captured(endpoint, captured)
            if beyond := [at.point for at in captured.seen if at.point.startswith(_SERVICE_NODES)]:
                why = f"the capture shows its packets beyond the place of the denial, at {', '.join(beyond)}"
        if attempt.sighting is not None:
            cause = attempt.sighting.rule
            evidence.append(Evidence(kind="left", where=observed.node, detail=f"it reached {attempt.sighting.place}"))
        else:
            found, cause = self._asked_kernel(observed.node, attempt, endpoint)
            evidence.append(found)
        why = why or misplaced(attempt.sighting) or misled(endpoint, observed)
        if attempt.signature.outcome is Outcome.REFUSED:
            why = why or "the door itself refuses connections: nobody could have got through"
        elif not cause:
            why = why or "the place where the packets died was not seen"
        if self._sightings.lost:
            why = "reports of filters were lost: what was not seen proves nothing"
        for tried in observed.attempts:
            if tried.flow is None or tried.flow.protocol == UDP:
                continue  # the doors report connections; a lost query is the capture's to follow
            if [seen for seen in self._sightings.of(tried.flow, tried.since) if seen.rule.startswith("door.")]:
                why = f"a packet of {tried.flow} arrived at the door although the client saw none of it"
            else:
                evidence.append(
                    Evidence(kind="not-seen-beyond", where=endpoint.name, detail=f"nothing of {tried.flow}")
                )
        answered = await self._witness(world, call, endpoint)
        evidence.append(answered[0])
        if not answered[1]:
            why = f"the door answers nobody: {answered[0].detail}"
        return Measurement(outcome=attempt.signature.outcome, cause=cause, evidence=tuple(evidence), vacuous=why)

    def _asked_kernel(self, node: str, attempt: Attempt, endpoint: Endpoint) -> tuple[Evidence, str]:
        """Return the host's own route look-up, and the cause if it explains the error."""
        dns = attempt.signature.layer == "dns"
        tried = attempt.flow.destination if attempt.flow is not None else endpoint.addresses[0]
        address = self._places.resolver(node) if dns else tried
        found = self._places.lookup(node, address)
        names = self._places.interfaces(node)
        if found.error is not None:
            cause = "host.no-route" if attempt.signature.value in _ON_THE_HOST else ""
            return Evidence(kind="route-lookup", where=node, detail=f"{address}: refused, errno {found.error}"), cause
        via = f" via {found.gateway}" if found.gateway else ""
        detail = f"{address}{via} dev {names.get(found.index or 0, '?')}"
        return Evidence(kind="route-lookup", where=node, detail=detail), ""

    async def _witness(self, world: World, call: Call, endpoint: Endpoint) -> tuple[Evidence, bool]:
        """Have the plane's witness ask the same door, and return what it saw and whether anybody answered."""
        witness = WITNESSES[endpoint.plane]
        if call.surface is Surface.IAM:
            request = requests.token(self._memory.api_keys[world.hosts[call.by].account])
        else:
            request = requests.key_management(Operation.LIST, await self._credentials(world, call))
        try:
            seen = await self._prober.ask(witness, endpoint.names[0], endpoint.port, request)
        except ProbeFailed as error:
            return Evidence(kind="listener-answered", where=endpoint.name, detail=f"{witness}: {error}"), False
        detail = f"{witness} at {endpoint.names[0]}:{endpoint.port}: {seen.last.detail or seen.signature.value}"
        return Evidence(kind="listener-answered", where=endpoint.name, detail=detail), seen.status is not None


def misplaced(sighting: Sighting | None) -> str:
    """Return what is wrong with a drop that another node reports than the one on which its rule stands."""
    if sighting is None:
        return ""
    stands = next((node for prefix, node in _STANDS.items() if sighting.rule.startswith(prefix)), None)
    if stands == sighting.place:
        return ""
    return f"{sighting.place} reports {sighting.rule}, which stands on {stands or 'no node'}"


def misled(endpoint: Endpoint, observed: Observation) -> str:
    """Return what is wrong with packets that were lost on their way to an address which is none of the endpoint's."""
    for attempt in observed.attempts:
        flow = attempt.flow
        if flow is not None and flow.protocol != UDP and flow.destination not in endpoint.addresses:
            return f"{observed.name} led to {flow.destination}, which is no address of {endpoint.name}"
    return ""


def contradiction(world: World, call: Call, status: int | None, evidence: tuple[Evidence, ...]) -> str:
    """Return where the service's own log contradicts what was asked and answered, else nothing."""
    for line in (seen.detail for seen in evidence if seen.kind == "service-log"):
        said = msgspec.json.decode(line)
        allowed = status is not None and status < _FIRST_REFUSAL
        expected = {
            "plane": call.plane.value,
            "surface": call.surface.value,
            "status": status,
            "decision": "allow" if allowed else "deny",
        }
        if allowed:
            expected["rule"] = "door.served"
        if call.surface is Surface.KMS:
            expected["instance"] = world.instances[call.instance].guid
        for name, value in expected.items():
            if said.get(name) != value:
                return f"the service's log says {name} {said.get(name)}, and it was {value}"
    return ""


def elsewhere(call: Call, evidence: tuple[Evidence, ...]) -> str:
    """Return what is wrong with a success that no packet brought to a door of the plane it is about, else nothing."""
    mark = f"door.{call.plane.value}:"
    if any(seen.kind == "arrived" and seen.detail.startswith(mark) for seen in evidence):
        return ""
    return f"served, but nothing of it was seen to arrive at a door of the {call.plane.value} plane"


def _captured(endpoint: Endpoint, found: Answer) -> list[Evidence]:
    """Return where the packets passed; frames on the services' side would refute the denial."""
    seen = [Evidence(kind="capture", where=at.point, detail=f"{at.count} x {at.summary}") for at in found.seen]
    return seen or [Evidence(kind="capture", where=endpoint.name, detail=f"nothing at {', '.join(found.points)}")]


def corroborated(proof: Measurement, evidence: tuple[Evidence, ...]) -> Measurement:
    """Return ``proof``, withdrawn if the service's own log names another rule than the control pairs do."""
    logged = [line.detail for line in evidence if line.kind == "service-log"]
    rule = _LOGGED_AS.get(proof.cause, proof.cause)
    if not proof.cause or not logged or any(f'"rule":"{rule}"' in line for line in logged):
        return proof
    return replace(proof, cause="", vacuous=f"control pairs say {proof.cause}, the service's log does not")


def _endpoint(world: World, call: Call) -> Endpoint:
    if call.surface is Surface.IAM:
        return iam(call.plane)
    if call.surface is not Surface.KMS:
        raise ProbeFailed(f"surface {call.surface.value} has no endpoint in this version")
    return kms(world.instance(call.instance, where="call/instance"), call.plane)
