"""Reading back: after a change of the world, ask the kernel (or the door) whether it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from lab.describe.placing import SERVICE_LINK, TO_SERVICES, ports
from lab.describe.plan import BACKBONE, WITNESS_EDGE, PlannedRoute, named
from lab.describe.translation import account_table
from lab.kernel.messages import Lookup
from lab.measure import checks, requests
from lab.measure.checks import served
from lab.measure.owner import Owner
from lab.measure.places import Places
from lab.model.action import (
    BringZoneBack,
    DeleteInstance,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    OfAccount,
    OfHost,
    OfInstance,
    OfZone,
    Provision,
    RestoreInstance,
    TakeZoneDown,
)
from lab.model.addresses import SERVICE_ENDPOINTS, zone_of
from lab.model.endpoint import doors_of, kms
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy
from lab.model.routes import HostRoute, destination
from lab.model.world import Host, World

_SERVICE = SERVICE_ENDPOINTS.network_address + (12 << 8) + 20


class ReadBack:
    """Looks whether changes show."""

    def __init__(self, places: Places, owner: Owner) -> None:
        """Keep where to look and who asks."""
        self._places, self._owner = places, owner

    def host(
        self, action: OfHost, before: Host, after: Host, refused: str | None, beyond: Sequence[str] = ()
    ) -> Measurement:
        """Return what became of a host's routes: the kernel's refusal, or what its table now holds.

        ``after`` is the host as described after the change, ``before`` as it was, which is the same where its kernel
        refused; of every destination of these the kernel's table must hold the routes of ``after``, in every word.
        ``beyond`` is what its kernel does otherwise than described, where that is nobody's to change (a reboot).
        """
        outcome, cause, evidence = Outcome.DONE, "", list[Evidence]()
        if refused is not None:
            outcome, cause = Outcome.CONFLICT, "host.route-refused"
            evidence.append(Evidence(kind="netlink", where=action.host, detail=f"refused: {refused}"))
        wrong, ways = [], self._places.routes(action.host)
        for dst in self._destinations(action, before, after):
            said, shown = _shown(ways, after, dst)
            evidence.append(Evidence(kind="read-back", where=action.host, detail=f"its table has {said}"))
            wrong += [] if shown else [said]
        why = f"the route does not show: its table has {'; '.join(wrong)}" if wrong else ""
        if beyond:
            why = why or f"{action.host} did not start as described: {beyond[0]}"
        return Measurement(outcome=outcome, cause=cause, evidence=tuple(evidence), vacuous=why)

    def _destinations(self, action: OfHost, before: Host, after: Host) -> Iterable[IPv4Network]:
        if isinstance(action, HostRoute):
            return [destination(action)]
        return dict.fromkeys(route.dst for host in (before, after) for route in host.routes)

    async def action(self, world: World, action: OfAccount | OfInstance | OfZone) -> tuple[Evidence, ...]:
        """Return what shows of ``action`` in ``world``, the world after it; nothing if it does not show."""
        match action:
            case EnableVrf():
                return self._own_table(world, action.account)
            case EnableServiceEndpoints():
                return self._way_to_services(world, action.account)
            case Provision():
                return await self._door(world, action.instance, Outcome.BAD_REQUEST)
            case Initialise():
                return await self._door(world, action.instance, Outcome.REACHED)
            case DeleteInstance():
                return await self._door(world, action.instance, Outcome.NOT_FOUND)
            case RestoreInstance():
                ready = world.instances[action.instance].initialised
                return await self._door(world, action.instance, Outcome.REACHED if ready else Outcome.BAD_REQUEST)
            case TakeZoneDown() | BringZoneBack():
                return await self._zone(world, action)

    def _own_table(self, world: World, account: str) -> tuple[Evidence, ...]:
        """Every port of the account looks its own address up in the account's own table."""
        table, found = account_table(world.accounts[account]), []
        for port in ports(world, Plane.PRIVATE):
            if port.account.name != account:
                continue
            for own in port.sources:
                seen = self._from_port(port.interface, own, own)
                if seen.table != table:
                    return ()
                detail = f"{own} arriving on {port.interface}: table {seen.table}"
                found.append(Evidence(kind="read-back", where=BACKBONE, detail=detail))
        return tuple(found) or (Evidence(kind="read-back", where=BACKBONE, detail=f"{account} has no VSI"),)

    def _way_to_services(self, world: World, account: str) -> tuple[Evidence, ...]:
        """Every port of the account finds the service network in the account's own table."""
        table, found = account_table(world.accounts[account]), []
        for port in ports(world, Plane.PRIVATE):
            if port.account.name != account:
                continue
            seen, names = (
                self._from_port(port.interface, port.nic.address.ip, _SERVICE),
                self._places.interfaces(BACKBONE),
            )
            said = _said(seen, names)
            if (seen.table, seen.gateway, names.get(seen.index or 0)) != (table, SERVICE_LINK[1].ip, TO_SERVICES):
                return ()
            detail = f"{_SERVICE} arriving on {port.interface}: {said}, table {seen.table}"
            found.append(Evidence(kind="read-back", where=BACKBONE, detail=detail))
        return tuple(found) or (Evidence(kind="read-back", where=BACKBONE, detail=f"{account} has no VSI"),)

    def _from_port(self, interface: str, source: IPv4Address, destination: IPv4Address) -> Lookup:
        return self._places.lookup(BACKBONE, destination, source=source, incoming=interface)

    async def _door(self, world: World, name: str, expected: Outcome) -> tuple[Evidence, ...]:
        """Every door answers the instance's owner as those of an instance in that state do, and under its policy."""
        instance, evidence = world.instances[name], []
        for door in doors_of(instance):
            plane = door.plane
            seen = await self._owner.plainest(instance, door.surface, plane=plane)
            locked = plane is Plane.PUBLIC and instance.policy is Policy.PRIVATE_ONLY and not instance.deleted
            if seen.signature.outcome is not (Outcome.UNAUTHORIZED if locked else expected):
                return ()
            said = f"{seen.node} at {seen.name}:{seen.port}: {seen.last.detail} {checks.said(seen)[:120]}"
            evidence.append(Evidence(kind="read-back", where=door.name, detail=said.strip()))
        if expected is Outcome.REACHED:
            read = await self._owner.policy(instance)
            if not served(read) or requests.policy_in(read) is not instance.policy:
                return ()
        return tuple(evidence)

    async def _zone(self, world: World, action: OfZone) -> tuple[Evidence, ...]:
        """Through the edge, each instance's door is lost at its address in that zone, or answers there again."""
        evidence, down = [], isinstance(action, TakeZoneDown)
        for instance in world.instances.values():
            for address in kms(instance, Plane.PRIVATE).addresses:
                if zone_of(address) != action.zone:
                    continue
                seen = await self._owner.ask(instance, node=WITNESS_EDGE, at=address)
                rule = seen.last.sighting.rule if seen.last.sighting else ""
                if (rule == "zone.down") is not down or (seen.status is None) is not down:
                    return ()
                said = f"{seen.node} at {address}:{seen.port}: {rule or seen.last.detail}"
                evidence.append(Evidence(kind="read-back", where=kms(instance, Plane.PRIVATE).name, detail=said))
        nothing = Evidence(kind="read-back", where=BACKBONE, detail=f"{action.zone} has no door of an instance")
        return tuple(evidence) or (nothing,)


def _shown(ways: list[str], host: Host, dst: IPv4Network) -> tuple[str, bool]:
    """Return what a table has for ``dst``, and whether that are the routes of ``host``."""
    wanted = [PlannedRoute(dst=dst, gateway=r.gateway, interface=r.interface) for r in host.routes if r.dst == dst]
    found = [way for way in ways if way.startswith(f"{named(dst)} ")]
    # behind the planned words may stand a scope: pyroute2 chooses another one than ip does
    same = len(found) == len(wanted) and all(
        f"{way} ".startswith(f"{w} ") for way, w in zip(found, wanted, strict=True)
    )
    return ", ".join(found) or f"no route to {named(dst)}", same


def _said(found: Lookup, names: Mapping[int, str]) -> str:
    if found.error is not None:
        return f"refused, errno {found.error}"
    name = names.get(found.index or 0, "?")
    return f"via {found.gateway} dev {name}" if found.gateway else f"dev {name}"
