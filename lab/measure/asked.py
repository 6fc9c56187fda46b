"""One call as it was asked, and everything that was seen of it: what checks and proofs look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.describe.plan import PRIVATE_SERVICES, PUBLIC_SERVICES
from lab.measure.flow import Flow
from lab.measure.observation import Observation
from lab.measure.requests import Credentials, HttpRequest
from lab.measure.sightings import Sighting
from lab.model.call import Call
from lab.model.endpoint import Endpoint
from lab.model.plane import Plane
from lab.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that was made.

    Attributes:
        world: The names and numbers of accounts, hosts and instances; nothing is predicted from it.
        credentials: The caller's; both fields empty where a token was asked for.
        sightings: What filters reported of its packets, in order.
        log: What the services logged of it; None where nobody answered.
        policy: What the owner read as the instance's policy just before; None where no instance is asked about.
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
    policy: Observation | None
    behind: Mapping[str, Any] | None = None


def arrived(sightings: tuple[Sighting, ...], plane: Plane, flow: Flow | None) -> bool:
    """Whether a connection of ``flow`` was seen to arrive at the doors of ``plane``."""
    node = PRIVATE_SERVICES if plane is Plane.PRIVATE else PUBLIC_SERVICES
    return any((seen.place, seen.rule, seen.flow) == (node, f"door.{plane.value}", flow) for seen in sightings)
