"""The inquiry: measures one call, and believes neither an answer nor a silence without proof.

Every call must come from its caller, follow its name to the endpoint's own addresses and, where it was answered, have
arrived at a door of its plane and stand in the services' log as what it was. A success must show (``successes``), a
denial on the way must be seen where it happened (``losses``), a denial at a door needs control pairs (``controls``).
What cannot be proved is reported as vacuous, never as "blocked".
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from lab.describe.plan import BACKBONE, WITNESS_PRIVATE
from lab.errors import ProbeFailed
from lab.measure import checks, requests, successes
from lab.measure.asked import Asked, served_at
from lab.measure.controls import Controls, policy_read
from lab.measure.dialling import REMEMBERED
from lab.measure.flow import Flow
from lab.measure.keyring import Keyring
from lab.measure.losses import Find, Losses
from lab.measure.observation import Observation
from lab.measure.owner import Owner
from lab.measure.places import Places
from lab.measure.probe import NUMBER, Prober
from lab.measure.requests import Credentials, HttpRequest
from lab.measure.sightings import Sightings
from lab.measure.strays import Strays, strayed
from lab.measure.tokens import Tokens
from lab.measure.undone import done_anyway
from lab.measure.way import seen_way
from lab.model.aim import aimed
from lab.model.call import Call, Operation
from lab.model.endpoint import ABOUT_INSTANCES, Endpoint, iam
from lab.model.outcome import DENIED_AT_THE_DOOR, Evidence, Measurement, Outcome
from lab.model.plane import Plane, Surface
from lab.model.world import World


@dataclass(slots=True, kw_only=True)
class Memory:
    """What one rehearsal remembers between calls: API keys and tokens by account, and the keys that steps created."""

    api_keys: Mapping[str, str]
    tokens: Tokens = field(default_factory=Tokens)
    keys: Keyring = field(default_factory=Keyring)


class Inquiry:
    """Measures calls in one running lab.

    ``log_lines`` returns what the services logged under a request's id: last the line of the surface that was asked,
    before it those of requests that were made on its behalf.
    """

    def __init__(
        self,
        *,
        prober: Prober,
        places: Places,
        sightings: Sightings,
        memory: Memory,
        log_lines: Callable[[str, Surface], Awaitable[Sequence[str]]],
        find: Find | None,
    ) -> None:
        """Keep what measuring needs; ``find`` asks the capture for a flow, None where nothing is captured."""
        self._prober, self._sightings = prober, sightings
        self._places, self._find = places, find
        self._memory, self._log_lines = memory, log_lines
        self.owner = Owner(prober, self.token)
        self.called: deque[Flow] = deque(maxlen=REMEMBERED)
        """What the calls themselves sent, the latest; whatever else was sent is the lab's own, to prove them."""
        self._controls = Controls(prober, self.owner)
        self._strays = Strays(prober, self.owner, self.token)
        self._losses = Losses(prober=prober, places=places, sightings=sightings, owner=self.owner, find=find)

    async def measure(self, world: World, call: Call) -> Measurement:
        """Return what ``call`` meets.

        Args:
            world: The names and numbers of instances and accounts; nothing is predicted from it.

        Raises:
            ProbeFailed: The question could not be asked.
        """
        endpoint = aimed(world, call)
        if endpoint is None:
            return await self._strays.unsent(world, call)
        asked, line = await self._ask(world, call, endpoint)
        measured = await self._proved(asked, line)
        return replace(measured, way=await seen_way(asked, self._places, self._find))

    async def _proved(self, asked: Asked, line: list[Evidence]) -> Measurement:
        """Return what was seen, with its proof."""
        outcome = asked.observed.signature.outcome
        evidence = (*_seen(asked), *line)
        if outcome is Outcome.REACHED:
            self._remember(asked)
            cause, unknown = successes.cause(asked)
            why = checks.answered(asked) or await successes.shown(asked, self.owner, self._memory.keys) or unknown
            evidence = (*evidence, *policy_read(asked))
            return Measurement(outcome=outcome, cause="" if why else cause, evidence=evidence, vacuous=why)
        done = ""
        if outcome in DENIED_AT_THE_DOOR:  # looked at first: control pairs set the policy that stands
            done = await done_anyway(asked, self.owner, self._memory.keys)
        if strayed(asked):
            proof = await self._strays.prove(asked)
        elif outcome in DENIED_AT_THE_DOOR:
            proof = await self._controls.prove(asked)
            if why := checks.answered(asked):
                proof = replace(proof, cause="", vacuous=why)
        else:
            proof = await self._losses.prove(asked)
        if done:
            proof = replace(proof, cause="", vacuous=done)
        return replace(proof, evidence=(*evidence, *proof.evidence))

    async def token(self, account: str) -> str:
        """Return a token for the account's API key, fetched by the private witness unless a step has brought one."""
        if (held := self._memory.tokens.held(account)) is not None:
            return held
        where = iam(Plane.PRIVATE)
        request = requests.token(self._memory.api_keys[account])
        observed = await self._prober.ask(WITNESS_PRIVATE, where.names[0], where.port, request)
        if observed.signature.outcome is not Outcome.REACHED:
            raise ProbeFailed(f"no token for {account}: {where.name} gives the witness {observed.last.detail}")
        return self._memory.tokens.keep(account, observed)

    async def _ask(self, world: World, call: Call, endpoint: Endpoint) -> tuple[Asked, list[Evidence]]:
        """Make the call and gather what is seen of it; with it, the services' own line as evidence."""
        credentials, read = Credentials(token="", guid=""), dict[str, Observation]()
        if call.surface in ABOUT_INSTANCES:
            instance = world.instance(call.instance, where="call/instance")
            credentials = Credentials(token=await self.token(world.hosts[call.by].account), guid=instance.guid)
            for one in (instance, served_at(world, call, endpoint)):
                if one.name not in read:
                    read[one.name] = await self.owner.policy(one)
        request, number = self._request(world, call, credentials), secrets.token_hex(16)
        numbered = replace(request, headers={**request.headers, NUMBER: number})
        observed = await self._prober.ask(
            call.by, endpoint.names[0], endpoint.port, numbered, first_only=call.first_only
        )
        sent = {flow: attempt.since for attempt in observed.attempts for flow in attempt.flows}
        self.called.extend(sent)
        lines = [] if observed.status is None else await self._log_lines(number, endpoint.surface)
        logged = [msgspec.json.decode(line) for line in lines]
        asked = Asked(
            world=world,
            call=call,
            endpoint=endpoint,
            request=request,
            credentials=credentials,
            observed=observed,
            sightings=(),
            log=logged[-1] if logged else None,
            behind=logged[-2] if len(logged) > 1 else None,
            read=read,
            onward=self._onward(call.by, sent),
        )
        of = self._sightings.of
        sightings = (s for flow, since in sent.items() for known in asked.seen_as(flow) for s in of(known, since))
        asked = replace(asked, sightings=tuple(sightings))
        return asked, [Evidence(kind="service-log", where=observed.name, detail=line) for line in lines]

    def _onward(self, node: str, sent: Iterable[Flow]) -> dict[Flow, Flow]:
        """Return what the edge says that it made of flows, of those that it translated."""
        told = ((flow, self._places.onward(node, flow.ends)) for flow in sent)
        return {flow: Flow(**ends._asdict()) for flow, ends in told if ends is not None and ends != flow.ends}

    def _request(self, world: World, call: Call, credentials: Credentials) -> HttpRequest:
        if call.surface is Surface.IAM:
            return requests.token(self._memory.api_keys[world.hosts[call.by].account])
        return self._memory.keys.request(call, credentials)

    def _remember(self, asked: Asked) -> None:
        if asked.call.operation is Operation.TOKEN:
            account = asked.world.hosts[asked.call.by].account
            self._memory.tokens.keep(account, asked.observed)
        else:
            self._memory.keys.take(asked.call, asked.observed)


def _seen(asked: Asked) -> list[Evidence]:
    """Return what the attempts and the filters showed, in order."""
    found, observed = [], asked.observed
    for attempt in observed.attempts:
        if attempt.signature.layer != "filter" and attempt.signature.value != "timeout":
            layer = attempt.signature.layer
            kind = layer if layer in {"http", "grpc"} else "errno"
            text = f"{attempt.signature.value}: {attempt.signature.meaning}; {attempt.detail}"
            found.append(Evidence(kind=kind, where=observed.node, detail=text))
        onward = ((flow, asked.onward[flow]) for flow in attempt.flows if flow in asked.onward)
        found += (Evidence(kind="translated", where=BACKBONE, detail=f"{one} went on as {two}") for one, two in onward)
        flows = {known for flow in attempt.flows for known in asked.seen_as(flow)}
        for seen in (seen for seen in asked.sightings if seen.flow in flows):
            kind = "arrived" if seen.rule.startswith("door.") else "drop"
            found.append(Evidence(kind=kind, where=seen.place, detail=f"{seen.rule}: {seen.flow}"))
    if observed.status is not None and observed.signature.outcome is not Outcome.REACHED:
        found.append(Evidence(kind=observed.signature.layer, where=observed.name, detail=checks.said(observed)))
    return found
