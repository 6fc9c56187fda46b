"""What a picture shows, as values: boxes, lines between them, and the way of one call as the oracle has it.

How it is drawn is said elsewhere (``text``, ``svg``, ``mermaid``); nothing here decides what a call meets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from lab.model.addresses import CLOUD_SERVICES, SERVICE_ENDPOINTS
from lab.model.aim import aimed
from lab.model.endpoint import kms
from lab.model.outcome import Outcome
from lab.model.plane import Plane
from lab.model.world import Account, Gateway, Host, HostKind, Instance, World
from lab.report.explain import Explanation

PROVIDER_EDGE, INTERNET_EDGE = "provider edge", "internet edge"
"""As the oracle's hops name them; names of hosts have no spaces."""
SERVED, DIES = "✔", "✘"
DOORS = {Plane.PRIVATE: "private doors", Plane.PUBLIC: "public doors"}


class Kind(Enum):
    """What a box stands for; values are the words of ``--json``."""

    VSI = "vsi"
    INTERNET_HOST = "internet-host"
    ON_PREMISES_HOST = "on-premises-host"
    GATEWAY = "gateway-appliance"
    EDGE = "edge"
    DOORS = "doors"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A thing with a name. ``account`` is whose it is, empty where it is nobody's; ``facts`` are short lines."""

    id: str
    name: str
    kind: Kind
    facts: tuple[str, ...] = ()
    account: str = ""
    behind: str = ""
    plane: Plane | None = None
    """The side of an edge and of doors; hosts may have both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A link on ``plane`` between two boxes; ``label`` is the interface and address at its first end."""

    a: str
    b: str
    plane: Plane
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way of a call: the boxes in order, and whether it ends in the last one without being served.

    ``hops`` are, for each box, the numbers (from 1) of the verdict's hops there; an instance that serves has none.
    """

    places: tuple[str, ...]
    dies: bool
    told: Explanation
    hops: Mapping[str, tuple[int, ...]]

    @property
    def lines(self) -> frozenset[tuple[str, str]]:
        """The pairs of boxes between which the call goes."""
        return frozenset(zip(self.places, self.places[1:], strict=False))

    def mark(self, box: str) -> str:
        """Return the numbers of the hops in a box, and a sign if it ends there; empty where the call does not pass."""
        if box not in self.places:
            return ""
        numbers = ",".join(map(str, self.hops.get(box, ())))
        end = (DIES if self.dies else SERVED) if box == self.places[-1] else ""
        return " ".join(filter(None, (f"({numbers})" if numbers else "", end)))

    def ends(self, box: str) -> bool:
        """Whether the call dies in this box."""
        return self.dies and box == self.places[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that is drawn. ``accounts`` holds each account's name and what it has, in words."""

    title: str
    accounts: dict[str, str]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    way: Way | None = None

    def of(self, *kinds: Kind) -> list[Box]:
        """Return the boxes of these kinds, in order."""
        return [box for box in self.boxes if box.kind in kinds]

    def line(self, a: str, plane: Plane) -> Line | None:
        """Return the line that leaves box ``a`` on ``plane``."""
        return next((line for line in self.lines if line.a == a and line.plane is plane), None)


def picture(title: str, world: World, told: Explanation | None = None) -> Picture:
    """Return the picture of ``world``, with the way of the explained call if there is one."""
    accounts = world.accounts.values()
    boxes = (
        *(_host(host) for host in world.hosts.values()),
        *(_gateway(gateway) for gateway in world.gateways.values()),
        _middle(PROVIDER_EDGE, Kind.EDGE, Plane.PRIVATE, map(_table, accounts)),
        _middle(INTERNET_EDGE, Kind.EDGE, Plane.PUBLIC, (f"drops {CLOUD_SERVICES}", "and private addresses")),
        *(_middle(DOORS[plane], Kind.DOORS, plane, _doors(world, plane)) for plane in Plane),
        *(_instance(instance) for instance in world.instances.values()),
    )
    way = None if told is None else _way(world, told)
    have = {account.name: _has(account) for account in accounts}
    return Picture(title=title, accounts=have, boxes=boxes, lines=tuple(_lines(world)), way=way)


def _middle(name: str, kind: Kind, plane: Plane, facts: Iterable[str]) -> Box:
    return Box(id=name, name=name, kind=kind, plane=plane, facts=tuple(facts))


def _host(host: Host) -> Box:
    kind = {
        HostKind.VSI: Kind.VSI,
        HostKind.INTERNET: Kind.INTERNET_HOST,
        HostKind.ON_PREMISES: Kind.ON_PREMISES_HOST,
    }[host.kind]
    inside = [route for route in host.routes if route.dst.subnet_of(CLOUD_SERVICES)]
    routes = tuple(f"{route.dst} → {route.interface}" for route in inside)
    if not routes and kind is not Kind.INTERNET_HOST:
        routes = (f"no {SERVICE_ENDPOINTS}",)
    return Box(id=host.name, name=host.name, kind=kind, facts=routes, account=host.account, behind=host.behind or "")


def _gateway(gateway: Gateway) -> Box:
    does = "permits" if gateway.permits_services else "drops"
    fact = f"firewall {does} {CLOUD_SERVICES}"
    return Box(id=gateway.name, name=gateway.name, kind=Kind.GATEWAY, facts=(fact,), account=gateway.account)


def _has(account: Account) -> str:
    if not account.vrf:
        return "no VRF"
    return "VRF, service endpoints" if account.service_endpoints else "VRF, no service endpoints"


def _table(account: Account) -> str:
    if not account.vrf:
        return f"{account.name}: no VRF, dropped"
    if not account.service_endpoints:
        return f"{account.name}: no way to services"
    return f"{account.name}: own table, to services"


def _doors(world: World, plane: Plane) -> Iterator[str]:
    """Yield the addresses of key management, a line for each region."""
    for region in dict.fromkeys(instance.region for instance in world.instances.values()):
        some = next(instance for instance in world.instances.values() if instance.region == region)
        first, *more = kms(some, plane).addresses
        yield f"{region} {first}" + (f" and {len(more)} more" if more else "")


def _instance(instance: Instance) -> Box:
    policy = "no policy set: both" if instance.policy is None else f"policy {instance.policy.value}"
    state = ("deleted",) if instance.deleted else () if instance.initialised else ("not initialised",)
    facts = (f"{instance.account}, {instance.region}", policy, *state)
    return Box(id=door(instance.name), name=instance.name, kind=Kind.INSTANCE, facts=facts, account=instance.account)


def door(instance: str) -> str:
    """Return the id of an instance's box: a host may have the same name."""
    return f"instance/{instance}"


def _lines(world: World) -> Iterator[Line]:
    for host in world.hosts.values():
        for nic in host.nics:
            edge = INTERNET_EDGE if nic.plane is Plane.PUBLIC else host.behind or PROVIDER_EDGE
            yield Line(a=host.name, b=edge, plane=nic.plane, label=f"{nic.name} {nic.address.ip}")
    for gateway in world.gateways.values():
        yield Line(a=gateway.name, b=PROVIDER_EDGE, plane=Plane.PRIVATE, label=f"{gateway.nic.address.ip}")
    for edge, plane in ((PROVIDER_EDGE, Plane.PRIVATE), (INTERNET_EDGE, Plane.PUBLIC)):
        yield Line(a=edge, b=DOORS[plane], plane=plane)
        yield from (Line(a=DOORS[plane], b=door(name), plane=plane) for name in world.instances)


def _way(world: World, told: Explanation) -> Way:
    """Put the oracle's hops in the picture: a door is the doors' box, and what is served ends in the instance."""
    verdict, endpoint = told.verdict, aimed(world, told.call)
    assert endpoint is not None, "only a variable keeps a client from asking, and a picture's call has none"
    places = [DOORS[endpoint.plane] if hop.place == endpoint.name else hop.place for hop in verdict.hops]
    if verdict.outcome is Outcome.NO_NAME:
        places.pop()  # what the host then makes of it is no place on the way
    hops = {place: tuple(n for n, at in enumerate(places, 1) if at == place) for place in places}
    served = verdict.outcome is Outcome.REACHED
    if served and endpoint.instance is not None:
        places.append(door(endpoint.instance))
    return Way(places=tuple(dict.fromkeys(places)), dies=not served, told=told, hops=hops)
