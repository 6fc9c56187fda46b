"""One call as it was asked, and everything that was seen of it: what checks and proofs look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.describe.plan import PRIVATE_SERVICES, PUBLIC_SERVICES
from lab.measure.flow import Flow
from lab.measure.observation import Observation
from lab.measure.requests import Credentials, HttpRequest
from lab.measure.sightings import Sighting
from lab.model.call import Call
from lab.model.endpoint import Endpoint
from lab.model.plane import Plane, Surface
from lab.model.world import Instance, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that was made.

    Attributes:
        world: The names and numbers of accounts, hosts and instances; nothing is predicted from it.
        credentials: The caller's; both fields empty where a token was asked for.
        sightings: What filters reported of its packets, in order.
        log: What the services logged of it; None where nobody answered.
        onward: What the provider's edge says it sent its flows on as, by flow; those that it sent on unchanged or not
            at all are missing.
        read: What owners read just before as the policies of the call's instance and of the door's, by name.
        behind: What the services logged of the request that the console made in its turn; None where it made none.
    """

    world: World
    call: Call
    endpoint: Endpoint
    request: HttpRequest
    credentials: Credentials
    observed: Observation
    sightings: tuple[Sighting, ...]
    log: Mapping[str, Any] | None
    read: Mapping[str, Observation] = field(default_factory=dict)
    behind: Mapping[str, Any] | None = None
    onward: Mapping[Flow, Flow] = field(default_factory=dict)

    def seen_as(self, flow: Flow) -> tuple[Flow, ...]:
        """Return ``flow`` as it may be seen: as it was sent and, where the edge translated it, as it went on."""
        return (flow, self.onward[flow]) if flow in self.onward else (flow,)

    @property
    def policy(self) -> Observation | None:
        """What the owner read as the policy of the call's instance; None where no instance is asked about."""
        return self.read.get(self.call.instance)

    def theirs(self, door: Endpoint) -> Instance:
        """Return an instance that ``door`` serves."""
        return served_at(self.world, self.call, door)

    @property
    def decided(self) -> Flow | None:
        """The deciding flow as it is beyond the edge; None if nothing was sent."""
        flow = self.observed.last.flow
        return None if flow is None else self.seen_as(flow)[-1]


def served_at(world: World, call: Call, door: Endpoint) -> Instance:
    """Return an instance that ``door`` serves: its own; at a shared one the call's, or one of the door's region."""
    asked = world.instances[call.instance]
    if door.instance is not None:
        return world.instances[door.instance]
    if door.surface is Surface.CONSOLE or door.region == asked.region:
        return asked
    found = (one for one in world.instances.values() if one.region == door.region)
    return next(found)  # there are doors of no other regions


def arrived(sightings: tuple[Sighting, ...], plane: Plane, flow: Flow | None) -> bool:
    """Whether a connection of ``flow`` was seen to arrive at the doors of ``plane``."""
    node = PRIVATE_SERVICES if plane is Plane.PRIVATE else PUBLIC_SERVICES
    return any((seen.place, seen.rule, seen.flow) == (node, f"door.{plane.value}", flow) for seen in sightings)
