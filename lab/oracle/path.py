"""Which front door a call's packets find, if any: names, routes, the backbone's edge, the internet's edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from lab.model.addresses import (
    CLOUD_SERVICES,
    IAAS_SERVICES,
    NEVER_ON_THE_INTERNET,
    PRIVATE_RESOLVER,
    PUBLIC_RESOLVER,
    PUBLIC_SERVICES,
    zone_of,
)
from lab.model.endpoint import Endpoint
from lab.model.outcome import Hop, Outcome, Prerequisite
from lab.model.plane import Plane
from lab.model.world import Host, HostKind, Route, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The way to a door, or to the place where the packets end.

    ``door`` is the plane of the door that takes the call; None when none does, and then ``outcome``
    and ``cause`` say what the client sees and why.
    """

    hops: tuple[Hop, ...]
    door: Plane | None = None
    outcome: Outcome = Outcome.REACHED
    cause: str = ""
    missing: Prerequisite | None = None


def find(world: World, host: Host, endpoint: Endpoint, *, first_only: bool = False) -> Path:
    """Return the path of ``host``'s packets to ``endpoint``, name resolution included.

    A name has an address in each zone; clients try them in order until one accepts, and report the first if none does.
    Those of ``first_only`` do not go on.
    """
    resolver = PRIVATE_RESOLVER if host.own_plane is Plane.PRIVATE else PUBLIC_RESOLVER
    asked = _carry(world, host, resolver)
    if asked.door is None:
        hops = (*asked.hops, Hop(place=host.name, fact=f"resolver {resolver} does not answer"))
        return Path(hops=hops, outcome=Outcome.NO_NAME, cause=asked.cause, missing=asked.missing)
    first: Path | None = None
    for address in endpoint.addresses[: 1 if first_only else None]:
        named = Hop(place=host.name, fact=f"{endpoint.names[0]} is {address} (resolver {resolver})")
        carried = _carry(world, host, address)
        way = replace(carried, hops=(named, *carried.hops))
        if way.door is not None:
            return way
        first = first or way
    assert first is not None, "an endpoint has an address"
    return first


def longest_prefix(routes: Sequence[Route], address: IPv4Address) -> Route | None:
    """Return the route that a kernel would take: the longest prefix; of equals the first."""
    matching = [route for route in routes if address in route.dst]
    return max(matching, key=lambda route: route.dst.prefixlen, default=None)


def table(host: Host) -> tuple[Route, ...]:
    """Return the host's whole routing table: its subnets, then its static routes."""
    on_link = (Route(dst=nic.address.network, gateway=None, interface=nic.name) for nic in host.nics)
    return (*on_link, *host.routes)


def _carry(world: World, host: Host, address: IPv4Address) -> Path:
    route = longest_prefix(table(host), address)
    if route is None:
        fact = f"no route to {address}"
        return _dies((Hop(place=host.name, fact=fact),), Outcome.NO_ROUTE, "host.no-route", Prerequisite.ROUTE)
    via = f"via {route.gateway} " if route.gateway else ""
    hops: tuple[Hop, ...] = (Hop(place=host.name, fact=f"route {_net(route.dst)} {via}dev {route.interface}"),)
    nic = next(nic for nic in host.nics if nic.name == route.interface)
    if route.gateway != nic.gateway:
        # every link leads to one router: neither another address of its subnet nor a service is a neighbour
        hops = (*hops, Hop(place=host.name, fact=f"nobody on {nic.name} answers for {route.gateway or address}"))
        missing = first_missing(world, host) if nic.plane is Plane.PRIVATE else Prerequisite.ROUTE
        return _dies(hops, Outcome.REJECTED, "host.no-neighbour", missing)
    if nic.plane is Plane.PUBLIC:
        return _internet(world, host, address, hops)
    if host.behind is not None:
        return _gateway(world, host, address, hops)
    return _backbone(world, host, address, hops)


def _gateway(world: World, host: Host, address: IPv4Address, hops: tuple[Hop, ...]) -> Path:
    """Pass the appliance in front of ``host``, or die at its firewall."""
    gateway = world.gateways[host.behind or ""]
    if address in CLOUD_SERVICES and not gateway.permits_services:
        hops = (*hops, Hop(place=gateway.name, fact=f"its firewall does not permit {CLOUD_SERVICES}: dropped"))
        missing = first_missing(world, host, last=Prerequisite.FIREWALL)
        return _dies(hops, Outcome.TIMED_OUT, "gateway.firewall", missing)
    forwards = Hop(place=gateway.name, fact=f"gateway appliance, forwards by {gateway.nic.gateway}")
    return _backbone(world, host, address, (*hops, forwards))


def _backbone(world: World, host: Host, address: IPv4Address, hops: tuple[Hop, ...]) -> Path:
    account = world.accounts[host.account]
    edge = "provider edge"
    if host.kind is HostKind.ON_PREMISES and (address in IAAS_SERVICES or address in CLOUD_SERVICES):
        hops = (*hops, Hop(place=edge, fact=f"a Direct Link carries nothing to {address}: dropped"))
        return _dies(hops, Outcome.TIMED_OUT, "edge.direct-link", Prerequisite.ENDPOINT)
    if address in IAAS_SERVICES:
        return Path(
            hops=(*hops, Hop(place=edge, fact="infrastructure services, open to every account")), door=Plane.PRIVATE
        )
    if address not in CLOUD_SERVICES:
        hops = (*hops, Hop(place=edge, fact=f"{address} is in no table of the private network: refused"))
        return _dies(hops, Outcome.REJECTED, "edge.unroutable", Prerequisite.ROUTE)
    if not account.vrf:
        hops = (*hops, Hop(place=edge, fact=f"account {account.name} has no VRF: dropped"))
        return _dies(hops, Outcome.TIMED_OUT, "edge.no-vrf", Prerequisite.VRF)
    if not account.service_endpoints:
        hops = (*hops, Hop(place=edge, fact=f"table of {account.name} has no way to {CLOUD_SERVICES}: lost"))
        return _dies(hops, Outcome.TIMED_OUT, "edge.no-service-endpoint", Prerequisite.SERVICE_ENDPOINTS)
    if (zone := zone_of(address)) in world.zones_down:
        hops = (*hops, Hop(place=edge, fact=f"{address} is in zone {zone}, which is down: lost"))
        return _dies(hops, Outcome.TIMED_OUT, "zone.down", None)
    fact = f"table of {account.name}: {CLOUD_SERVICES} to the service network"
    return Path(hops=(*hops, Hop(place=edge, fact=fact)), door=Plane.PRIVATE)


def _internet(world: World, host: Host, address: IPv4Address, hops: tuple[Hop, ...]) -> Path:
    edge = "internet edge"
    if address in CLOUD_SERVICES:
        hops = (*hops, Hop(place=edge, fact=f"{address} is in {CLOUD_SERVICES}: dropped"))
        return _dies(hops, Outcome.TIMED_OUT, "internet.no-private-service", first_missing(world, host))
    if any(address in net for net in NEVER_ON_THE_INTERNET):
        hops = (*hops, Hop(place=edge, fact=f"{address} is private: dropped"))
        return _dies(hops, Outcome.TIMED_OUT, "internet.no-private-address", first_missing(world, host))
    if address in PUBLIC_SERVICES:
        return Path(hops=(*hops, Hop(place=edge, fact=f"{address} is a public service")), door=Plane.PUBLIC)
    hops = (*hops, Hop(place=edge, fact=f"nobody holds {address}"))
    return _dies(hops, Outcome.NO_ROUTE, "host.no-route", Prerequisite.ENDPOINT)


def first_missing(world: World, host: Host, *, last: Prerequisite = Prerequisite.ROUTE) -> Prerequisite:
    """Return what to mend first for a private call of ``host``, in the order of the page; ``last`` if all else is."""
    account = world.accounts[host.account]
    if host.own_plane is Plane.PUBLIC:
        return Prerequisite.ENDPOINT
    if not account.vrf:
        return Prerequisite.VRF
    if not account.service_endpoints:
        return Prerequisite.SERVICE_ENDPOINTS
    return last


def _dies(hops: tuple[Hop, ...], outcome: Outcome, cause: str, missing: Prerequisite | None) -> Path:
    return Path(hops=hops, outcome=outcome, cause=cause, missing=missing)


def _net(network: IPv4Network) -> str:
    return "default" if network.prefixlen == 0 else str(network)
