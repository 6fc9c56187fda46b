"""Reading back: after a change of the world, ask the kernel (or the door) whether it shows."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from lab.describe.placing import account_table, ports
from lab.describe.plan import BACKBONE
from lab.kernel.messages import Lookup
from lab.measure import requests
from lab.measure.checks import served
from lab.measure.owner import Owner
from lab.measure.places import Places
from lab.model.action import Action, DeleteInstance, EnableServiceEndpoints, EnableVrf, HostRoute, Initialise, Provision
from lab.model.addresses import PUBLIC_RESOLVER, SERVICE_ENDPOINTS
from lab.model.endpoint import kms
from lab.model.outcome import Evidence, Measurement, Outcome
from lab.model.plane import Plane, Policy
from lab.model.world import Host, Route, World

_SERVICE = SERVICE_ENDPOINTS.network_address + (12 << 8) + 20


class ReadBack:
    """Looks whether changes show."""

    def __init__(self, places: Places, owner: Owner) -> None:
        """Keep where to look and who asks."""
        self._places, self._owner = places, owner

    def host_route(self, action: HostRoute, after: Host, refused: str | None) -> Measurement:
        """Return what became of a host's route: the kernel's refusal, or where it now sends such a packet.

        ``after`` is the host as described after the change; the kernel must send the packet where its table says.
        """
        if refused is not None:
            evidence = Evidence(kind="netlink", where=action.host, detail=f"refused: {refused}")
            return Measurement(outcome=Outcome.CONFLICT, cause="host.route-refused", evidence=(evidence,))
        address = _inside(action.arguments["dst"])
        found = self._places.lookup(action.host, address)
        said = _said(found, self._places.interfaces(action.host))
        evidence = Evidence(kind="read-back", where=action.host, detail=f"{address}: {said}")
        wanted = next((r for r in longest_first(after) if address in r.dst), None)
        names = self._places.interfaces(action.host)
        if wanted is None:
            shown = found.error is not None
        else:
            shown = (found.gateway, names.get(found.index or 0)) == (wanted.gateway, wanted.interface)
        why = "" if shown else f"the route does not show: {address} goes {said}"
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
            seen = self._from_port(port.interface, port.nic.address.ip, _SERVICE)
            if seen.error is not None or seen.table != table:
                return ()
            said = _said(seen, self._places.interfaces(BACKBONE))
            detail = f"{_SERVICE} arriving on {port.interface}: {said}, table {seen.table}"
            found.append(Evidence(kind="read-back", where=BACKBONE, detail=detail))
        return tuple(found) or (Evidence(kind="read-back", where=BACKBONE, detail=f"{account} has no VSI"),)

    def _from_port(self, interface: str, source: IPv4Address, destination: IPv4Address) -> Lookup:
        return self._places.lookup(BACKBONE, destination, source=source, incoming=interface)

    async def _door(self, world: World, name: str, expected: Outcome) -> tuple[Evidence, ...]:
        """Both doors answer the instance's owner as those of an instance in that state do, and under its policy."""
        instance, evidence = world.instances[name], []
        for plane in Plane:
            seen = await self._owner.ask(instance, plane=plane)
            locked = plane is Plane.PUBLIC and instance.policy is Policy.PRIVATE_ONLY and not instance.deleted
            if seen.signature.outcome is not (Outcome.UNAUTHORIZED if locked else expected):
                return ()
            said = f"{seen.node} at {seen.name}:{seen.port}: HTTP {seen.status} {requests.message_in(seen)[:120]}"
            evidence.append(Evidence(kind="read-back", where=kms(instance, plane).name, detail=said.strip()))
        if expected is Outcome.REACHED:
            read = await self._owner.policy(instance)
            if not served(read) or requests.policy_in(read) is not instance.policy:
                return ()
        return tuple(evidence)


def longest_first(host: Host) -> list[Route]:
    """Return the host's routes, its subnets' included, the most specific first."""
    on_link = [Route(dst=nic.address.network, gateway=None, interface=nic.name) for nic in host.nics]
    return sorted((*on_link, *host.routes), key=lambda route: -route.dst.prefixlen)


def _inside(dst: str) -> IPv4Address:
    """Return an address to which a route to ``dst`` applies; for the default route that of a public service."""
    network = IPv4Network("0.0.0.0/0" if dst == "default" else dst)
    if network.prefixlen == 0:
        return PUBLIC_RESOLVER
    return network.network_address + (1 if network.prefixlen < network.max_prefixlen else 0)


def _said(found: Lookup, names: Mapping[int, str]) -> str:
    if found.error is not None:
        return f"refused, errno {found.error}"
    name = names.get(found.index or 0, "?")
    return f"via {found.gateway} dev {name}" if found.gateway else f"dev {name}"
