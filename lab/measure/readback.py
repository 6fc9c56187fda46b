"""Reading back: after a change of the world, ask the kernel (or the door) whether it shows."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from lab.describe.placing import SERVICE_LINK, TO_SERVICES, account_table, ports
from lab.describe.plan import BACKBONE, PlannedRoute, named
from lab.kernel.messages import Lookup
from lab.measure import checks, requests
from lab.measure.checks import served
from lab.measure.owner import Owner
from lab.measure.places import Places
from lab.model.action import Action, DeleteInstance, EnableServiceEndpoints, EnableVrf, HostRoute, Initialise, Provision
from lab.model.addresses import SERVICE_ENDPOINTS
from lab.model.endpoint import doors_of
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy
from lab.model.world import Host, World

_SERVICE = SERVICE_ENDPOINTS.network_address + (12 << 8) + 20


class ReadBack:
    """Looks whether changes show."""

    def __init__(self, places: Places, owner: Owner) -> None:
        """Keep where to look and who asks."""
        self._places, self._owner = places, owner

    def host_route(self, action: HostRoute, after: Host, refused: str | None) -> Measurement:
        """Return what became of a host's route: the kernel's refusal, or what its table now holds for the destination.

        ``after`` is the host as described after the change; the kernel's table must hold the same, in every word.
        """
        if refused is not None:
            evidence = Evidence(kind="netlink", where=action.host, detail=f"refused: {refused}")
            return Measurement(outcome=Outcome.CONFLICT, cause="host.route-refused", evidence=(evidence,))
        dst = IPv4Network("0.0.0.0/0" if (text := action.arguments["dst"]) == "default" else text)
        wanted = [PlannedRoute(dst=dst, gateway=r.gateway, interface=r.interface) for r in after.routes if r.dst == dst]
        ways = [str(route) for route in self._places.routes(action.host) if route.startswith(f"{named(dst)} ")]
        said = ", ".join(ways) or f"no route to {named(dst)}"
        evidence = Evidence(kind="read-back", where=action.host, detail=f"its table has {said}")
        # behind the planned words may stand a scope: pyroute2 chooses another one than ip does
        shown = len(ways) == len(wanted) and all(
            f"{way} ".startswith(f"{w} ") for way, w in zip(ways, wanted, strict=True)
        )
        why = "" if shown else f"the route does not show: its table has {said}"
        return Measurement(outcome=Outcome.DONE, evidence=(evidence,), vacuous=why)

    async def action(self, world: World, action: Action) -> tuple[Evidence, ...]:
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
            case HostRoute():
                raise AssertionError("a host's route is read back by host_route")

    def _own_table(self, world: World, account: str) -> tuple[Evidence, ...]:
        """Every port of the account looks its own address up in the account's own table."""
        table, found = account_table(world.accounts[account]), []
        for port in ports(world, Plane.PRIVATE):
            if port.account.name != account:
                continue
            seen = self._from_port(port.interface, port.nic.address.ip, port.nic.address.ip)
            if seen.table != table:
                return ()
            detail = f"{port.nic.address.ip} arriving on {port.interface}: table {seen.table}"
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


def _said(found: Lookup, names: Mapping[int, str]) -> str:
    if found.error is not None:
        return f"refused, errno {found.error}"
    name = names.get(found.index or 0, "?")
    return f"via {found.gateway} dev {name}" if found.gateway else f"dev {name}"
