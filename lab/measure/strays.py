"""Strays: proves what becomes of a client whose variable leads it elsewhere than to its instance's own endpoint.

It made no request of what it was told; or it came to a door that speaks another protocol; or to one that does not
know its instance. Each needs what would have been otherwise: the same caller, or its token, where it should have asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from lab.measure import checks, platform
from lab.measure.asked import Asked
from lab.measure.controls import corroborated, pair, rightly
from lab.measure.flow import TCP
from lab.measure.observation import Observation, known
from lab.measure.owner import WITNESSES, Owner
from lab.measure.probe import Prober
from lab.measure.requests import Credentials
from lab.model.aim import aimed
from lab.model.call import PLAINEST, Call
from lab.model.endpoint import Endpoint, of_instance
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Surface
from lab.model.world import World

_DECIDED_THERE = {Outcome.UNAUTHORIZED, Outcome.TLS_FAILED}


def strayed(asked: Asked) -> bool:
    """Whether a call was refused, or not understood, at a door that is not the one of its instance and surface."""
    if asked.call.setting is None or asked.observed.signature.outcome not in _DECIDED_THERE:
        return False
    return asked.endpoint != of_instance(
        asked.world.instances[asked.call.instance], asked.call.surface, asked.call.plane
    )


class Strays:
    """Proves in one running lab. ``token`` returns a token of an account."""

    def __init__(self, prober: Prober, owner: Owner, token: Callable[[str], Awaitable[str]]) -> None:
        """Keep who asks."""
        self._prober, self._owner, self._token = prober, owner, token

    async def unsent(self, world: World, call: Call) -> Measurement:
        """Return what a client meets that makes no request of its variable; with a scheme it would have made one."""
        setting = call.setting
        assert setting is not None, "only a variable keeps a client from asking"
        mended = replace(call, setting=replace(setting, value=f"https://{setting.value}"))
        shown = known("url", "no scheme")
        door = aimed(world, mended)
        assert door is not None, "it has a scheme now"
        guid = world.instances[call.instance].guid
        credentials = Credentials(token=await self._token(world.hosts[call.by].account), guid=guid)
        seen = await self._listing(call.by, call.surface, door, credentials)
        evidence = (
            Evidence(kind="url", where=call.by, detail=f"{setting}: {shown.meaning}"),
            pair(f"{call.by}, the same address with https://", seen),
        )
        host, sent = world.hosts[call.by], [flow for attempt in seen.attempts for flow in attempt.flows]
        why = checks.impostor(host, seen) or checks.misled(door, seen)
        if not any((flow.protocol, flow.destination_port) == (TCP, door.port) for flow in sent):
            why = why or "with a scheme the endpoint would not be asked either: the scheme is not what is missing"
        cause = "" if why else "client.no-scheme"
        return Measurement(outcome=shown.outcome, cause=cause, evidence=evidence, vacuous=why)

    async def prove(self, asked: Asked) -> Measurement:
        """Return the cause of what a call met at a door that is not its own, ``vacuous`` where it is not proved."""
        outcome = asked.observed.signature.outcome
        own = of_instance(asked.world.instances[asked.call.instance], asked.call.surface, Plane.PRIVATE)
        at_own = await self._listing(WITNESSES[Plane.PRIVATE], asked.call.surface, own, asked.credentials)
        evidence = [pair("same token, the instance's own private door", at_own)]
        if outcome is Outcome.TLS_FAILED:
            cause, why = await self._other_protocol(asked, evidence)
        else:
            cause, why = corroborated(asked, *await self._other_instance(asked, evidence))
            why = why or checks.answered(asked)
        if at_own.status is None or at_own.signature.outcome is Outcome.UNAUTHORIZED:
            why = why or "the instance's own door refuses the same token too"
        return Measurement(outcome=outcome, cause="" if why else cause, evidence=tuple(evidence), vacuous=why)

    async def _other_protocol(self, asked: Asked, evidence: list[Evidence]) -> tuple[str, str]:
        """The call arrived at an EP11 door, which answers its instance's owner in gRPC."""
        if why := checks.astray(asked) or checks.elsewhere(asked):
            return "", why
        if asked.endpoint.surface is not Surface.EP11 or asked.observed.signature.value != "h2":
            return "", "TLS failed at a door that is no EP11 endpoint"
        instance = asked.world.instances[asked.endpoint.instance or ""]
        seen = await self._owner.crypto(instance, plane=asked.endpoint.plane)
        evidence.append(pair(f"the owner of {instance.name} by GREP11, same door", seen))
        speaks = seen.signature.layer == "grpc"
        return ("ep11.speaks-grpc", "") if speaks else ("", "the door does not answer its owner in gRPC either")

    async def _other_instance(self, asked: Asked, evidence: list[Evidence]) -> tuple[str, str]:
        """The door refuses this id and serves its own instance's owner; Key Protect's has no instance to serve."""
        door = asked.endpoint
        if door.surface is Surface.KEY_PROTECT:
            return "door.other-instance", ""
        theirs = asked.theirs(door)
        seen = await self._owner.plainest(theirs, door.surface, plane=door.plane)
        evidence.append(pair(f"the owner of {theirs.name}, same door", seen))
        if not await rightly(asked, seen, door, self._owner):
            return "", "the door refuses its own instance's owner too"
        return "door.other-instance", ""

    async def _listing(self, node: str, surface: Surface, door: Endpoint, credentials: Credentials) -> Observation:
        request = platform.request(surface, PLAINEST[surface], credentials)
        return await self._prober.ask(node, door.names[0], door.port, request)
