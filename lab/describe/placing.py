"""Placing: from a world to its plan. Where each host, table and door stands, and which filters guard the edges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.describe.plan import (
    BACKBONE,
    DOOR_PRIVATE,
    DOOR_PUBLIC,
    FIRST_ACCOUNT_TABLE,
    INTERNET,
    NOWHERE,
    PRIVATE_SERVICES,
    PUBLIC_SERVICES,
    RETURNS,
    WITNESS_EDGE,
    WITNESS_PRIVATE,
    WITNESS_PUBLIC,
    Address,
    Filter,
    Link,
    Node,
    Plan,
    PlannedRoute,
    RoutingTable,
)
from lab.describe.translation import account_table, marks, translation
from lab.model.addresses import (
    BACKBONE as BACKBONE_NET,
)
from lab.model.addresses import (
    CLOUD_SERVICES,
    IAAS_SERVICES,
    NEVER_ON_THE_INTERNET,
    PRIVATE_RESOLVER,
    PUBLIC_RESOLVER,
    SERVICE_ENDPOINTS,
    TRANSLATED,
    ZONE_NETWORKS,
)
from lab.model.addresses import (
    PUBLIC_SERVICES as PUBLIC_NET,
)
from lab.model.endpoint import MOST_INSTANCES, Endpoint, doors_of, endpoints
from lab.model.plane import Plane, Policy
from lab.model.world import Account, Gateway, Host, HostKind, Instance, Nic, World

EVERYWHERE = IPv4Network("0.0.0.0/0")
SERVICE_LINK = (IPv4Interface("166.8.0.1/30"), IPv4Interface("166.8.0.2/30"))
PRIVATE_WITNESS_LINK = (IPv4Interface("166.8.0.5/30"), IPv4Interface("166.8.0.6/30"))
EDGE_WITNESS_LINK = (IPv4Interface("166.8.0.9/30"), IPv4Interface("166.8.0.10/30"))
PUBLIC_LINK = (IPv4Interface("192.0.2.253/30"), IPv4Interface("192.0.2.254/30"))
PUBLIC_WITNESS_LINK = (IPv4Interface("192.0.2.249/30"), IPv4Interface("192.0.2.250/30"))
TO_SERVICES, TO_WITNESS = "services", "witness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A router's port: the interface there, and at the other end a node's NIC, its account, and what is behind it."""

    interface: str
    nic: Nic
    node: str
    account: Account
    behind: tuple[Nic, ...] = ()
    direct_link: bool = False

    @property
    def address(self) -> IPv4Interface:
        """The router's address there."""
        return IPv4Interface((int(self.nic.gateway), self.nic.address.network.prefixlen))

    @property
    def routes(self) -> tuple[PlannedRoute, ...]:
        """The routes to the node's subnet, and through it to those behind it."""
        via = self.nic.address.ip
        further = (PlannedRoute(dst=n.address.network, gateway=via, interface=self.interface) for n in self.behind)
        return (PlannedRoute(dst=self.nic.address.network, interface=self.interface), *further)

    @property
    def sources(self) -> tuple[IPv4Address, ...]:
        """Every address from which packets arrive here."""
        return tuple(nic.address.ip for nic in (self.nic, *self.behind))


def control(world: World, account: str) -> Instance:
    """Return the account's control instance: hidden, initialised, its policy said to be public-and-private.

    It is the other half of a control pair: what a door refuses for one instance and serves for this
    one, with the same caller, token and request, is refused for none of these.
    """
    region = next(iter(world.instances.values())).region  # of the first: it stays when others are provisioned
    return Instance(
        name=f"{account}.control",  # no author's name has a dot
        number=MOST_INSTANCES + world.accounts[account].number,
        account=account,
        region=region,
        initialised=True,
        policy=Policy.PUBLIC_AND_PRIVATE,
    )


def controls(world: World) -> tuple[Instance, ...]:
    """Return the control instance of every account, in the order of the accounts; none where nothing can be asked."""
    return tuple(control(world, name) for name in world.accounts) if world.instances else ()


def plan(world: World) -> Plan:
    """Return the plan of ``world``; the same world gives the same plan."""
    private, public = ports(world, Plane.PRIVATE), ports(world, Plane.PUBLIC)
    gateways = world.gateways.values()
    doors = (*endpoints(world), *(door for instance in controls(world) for door in doors_of(instance)))
    nodes = (
        *(_host(host, world.accounts[host.account]) for host in world.hosts.values()),
        *(_gateway(world, gateway) for gateway in gateways),
        _backbone(world, private),
        _internet(public),
        _services(PRIVATE_SERVICES, doors, Plane.PRIVATE),
        _services(PUBLIC_SERVICES, doors, Plane.PUBLIC),
        _witness(WITNESS_PRIVATE),
        _witness(WITNESS_PUBLIC),
        _witness(WITNESS_EDGE),
        Node(name=NOWHERE),
    )
    links = (
        *(Link(a=(port.node, port.nic.name), b=(BACKBONE, port.interface)) for port in private),
        *(
            Link(a=(port.node, port.nic.name), b=(gateway.name, port.interface))
            for gateway in gateways
            for port in inner_ports(world, gateway)
        ),
        *(Link(a=(port.node, port.nic.name), b=(INTERNET, port.interface)) for port in public),
        Link(a=(BACKBONE, TO_SERVICES), b=(PRIVATE_SERVICES, "eth0")),
        Link(a=(INTERNET, TO_SERVICES), b=(PUBLIC_SERVICES, "eth0")),
        Link(a=(PRIVATE_SERVICES, TO_WITNESS), b=(WITNESS_PRIVATE, "eth0")),
        Link(a=(PUBLIC_SERVICES, TO_WITNESS), b=(WITNESS_PUBLIC, "eth0")),
        Link(a=(BACKBONE, TO_WITNESS), b=(WITNESS_EDGE, "eth0")),
        Link(a=(BACKBONE, NOWHERE), b=(NOWHERE, "eth0")),
    )
    return Plan(nodes=nodes, links=links, doors=doors, names={n: door.addresses for door in doors for n in door.names})


def ports(world: World, plane: Plane) -> list[Port]:
    """Return the router's ports on ``plane``: ``a1-2`` is account 1's second, ``h3`` the third host on the internet."""
    found: list[Port] = []
    counts: dict[str, int] = {}

    def add(nic: Nic, node: str, owner: str, behind: tuple[Nic, ...] = (), *, direct_link: bool = False) -> None:
        account = world.accounts[owner]
        counts[owner] = counts.get(owner, 0) + 1
        private = f"a{account.number}-{counts[owner]}"
        name = private if plane is Plane.PRIVATE else f"h{len(found) + 1}"
        found.append(Port(interface=name, nic=nic, node=node, account=account, behind=behind, direct_link=direct_link))

    for host in world.hosts.values():
        nic = host.nic(plane)
        if nic is not None and (plane is Plane.PUBLIC or host.behind is None):
            add(nic, host.name, host.account, direct_link=host.kind is HostKind.ON_PREMISES)
    for gateway in world.gateways.values() if plane is Plane.PRIVATE else ():
        behind = tuple(port.nic for port in inner_ports(world, gateway))
        add(gateway.nic, gateway.name, gateway.account, behind)
    return found


def inner_ports(world: World, gateway: Gateway) -> list[Port]:
    """Return the appliance's ports towards the hosts behind it: ``v2`` is the second."""
    account = world.accounts[gateway.account]
    behind = (host for host in world.hosts.values() if host.behind == gateway.name)
    return [
        Port(interface=f"v{number}", nic=nic, node=host.name, account=account)
        for number, host in enumerate(behind, 1)
        if (nic := host.nic(Plane.PRIVATE)) is not None
    ]


def _host(host: Host, account: Account) -> Node:
    return Node(
        name=host.name,
        own=False,
        addresses=tuple(Address(interface=nic.name, address=nic.address) for nic in host.nics),
        routes=tuple(PlannedRoute(dst=r.dst, gateway=r.gateway, interface=r.interface) for r in host.routes),
        resolver=PRIVATE_RESOLVER if host.own_plane is Plane.PRIVATE else PUBLIC_RESOLVER,
        zone=account_table(account),
    )


def _gateway(world: World, gateway: Gateway) -> Node:
    inner, outside = inner_ports(world, gateway), gateway.nic
    firewall = Filter(hook="forward", rule="gateway.firewall", destination=(CLOUD_SERVICES,))
    return Node(
        name=gateway.name,
        forwards=True,
        addresses=(
            Address(interface=outside.name, address=outside.address),
            *(Address(interface=port.interface, address=port.address) for port in inner),
        ),
        routes=(PlannedRoute(dst=EVERYWHERE, gateway=outside.gateway, interface=outside.name),),
        filters=() if gateway.permits_services else (firewall,),
    )


def _backbone(world: World, ports: list[Port]) -> Node:
    to_services = PlannedRoute(dst=CLOUD_SERVICES, gateway=SERVICE_LINK[1].ip, interface=TO_SERVICES)
    to_iaas = replace(to_services, dst=IAAS_SERVICES)
    end = PlannedRoute(dst=EVERYWHERE, kind="unreachable")
    ends = (PlannedRoute(dst=EVERYWHERE, interface=NOWHERE), end)
    shared = [port for port in ports if not port.account.vrf]
    tables = [
        _table(account_table(account), account.name, [p for p in ports if p.account.name == account.name],
               (to_iaas, *([to_services] if account.service_endpoints else []), *ends))
        for account in world.accounts.values() if account.vrf
    ]  # fmt: skip
    to_witness = PlannedRoute(dst=EDGE_WITNESS_LINK[0].network, interface=TO_WITNESS)
    back = replace(_table(RETURNS, "", shared, (to_witness, end)), interfaces=(TO_SERVICES,))
    witness = replace(_table(FIRST_ACCOUNT_TABLE, "", [], (to_iaas, to_services, end)), interfaces=(TO_WITNESS,))
    return Node(
        name=BACKBONE,
        forwards=True,
        addresses=(
            *(Address(interface=port.interface, address=port.address, connected=False) for port in ports),
            Address(interface=TO_SERVICES, address=SERVICE_LINK[0]),
            Address(interface=TO_WITNESS, address=EDGE_WITNESS_LINK[0], connected=False),
        ),
        routes=(*(route for port in shared for route in port.routes), to_iaas, to_services, *ends),
        tables=(*tables, witness, back),
        filters=tuple(_backbone_filters(world, ports)),
    )


def _table(number: int, owner: str, ports: list[Port], more: tuple[PlannedRoute, ...]) -> RoutingTable:
    routes = (*(route for port in ports for route in port.routes), *more)
    return RoutingTable(
        number=number,
        owner=owner,
        interfaces=tuple(port.interface for port in ports),
        routes=tuple(replace(route, table=number) for route in routes),
    )


def _backbone_filters(world: World, ports: list[Port]) -> list[Filter]:
    def of(*accounts: Account) -> frozenset[str]:
        names = {account.name for account in accounts}
        return frozenset(port.interface for port in ports if port.account.name in names)

    accounts = world.accounts.values()
    apart = [a for a in accounts if a.vrf]
    without_vrf = of(*(a for a in accounts if not a.vrf))
    without_endpoints = of(*(a for a in apart if not a.service_endpoints))
    services, nowhere = frozenset({TO_SERVICES}), frozenset({NOWHERE})
    direct = frozenset(port.interface for port in ports if port.direct_link)
    refused = (CLOUD_SERVICES, IAAS_SERVICES)
    return [
        *([Filter(hook="prerouting", rule="edge.direct-link", incoming=direct, destination=refused)] if direct else []),
        Filter(hook="prerouting", rule="edge.no-vrf", incoming=without_vrf, destination=(CLOUD_SERVICES,)),
        *(mark for a in apart for mark in marks(a, of(a), services)),
        # The table of such an account does not lead to the services.
        Filter(
            hook="forward",
            rule="edge.no-service-endpoint",
            incoming=without_endpoints,
            outgoing=nowhere,
            destination=(CLOUD_SERVICES,),
        ),
        Filter(hook="forward", rule="edge.unroutable", verdict="reject", outgoing=nowhere, destination=(EVERYWHERE,)),
        *(Filter(hook="forward", verdict="accept", incoming=of(a), outgoing=of(a)) for a in accounts),
        *(
            Filter(hook="forward", rule="zone.down", outgoing=services, destination=(network,))
            for zone, network in ZONE_NETWORKS.items()
            if zone in world.zones_down
        ),
        Filter(hook="forward", verdict="accept", outgoing=services),
        Filter(hook="forward", verdict="accept", incoming=services),
        Filter(hook="forward", rule="edge.other-account"),
        *(translation(a, services) for a in apart),
    ]


def _internet(ports: list[Port]) -> Node:
    never = NEVER_ON_THE_INTERNET
    return Node(
        name=INTERNET,
        forwards=True,
        addresses=(
            *(Address(interface=port.interface, address=port.address) for port in ports),
            Address(interface=TO_SERVICES, address=PUBLIC_LINK[0]),
        ),
        routes=(PlannedRoute(dst=PUBLIC_NET, gateway=PUBLIC_LINK[1].ip, interface=TO_SERVICES),),
        filters=(
            Filter(hook="prerouting", rule="internet.no-private-service", destination=(CLOUD_SERVICES,)),
            Filter(hook="prerouting", rule="internet.no-private-address", destination=never),
            Filter(hook="prerouting", rule="internet.no-private-address", source=never),
        ),
    )


def _services(name: str, doors: tuple[Endpoint, ...], plane: Plane) -> Node:
    private = plane is Plane.PRIVATE
    here = PRIVATE_RESOLVER if private else PUBLIC_RESOLVER
    served = dict.fromkeys([here, *(a for door in doors if door.plane is plane for a in door.addresses)])
    link, witness = (SERVICE_LINK, PRIVATE_WITNESS_LINK) if private else (PUBLIC_LINK, PUBLIC_WITNESS_LINK)
    callers = (BACKBONE_NET, TRANSLATED, EDGE_WITNESS_LINK[0].network) if private else (EVERYWHERE,)
    return Node(
        name=name,
        addresses=(
            Address(interface="eth0", address=link[1]),
            Address(interface=TO_WITNESS, address=witness[0]),
            *(Address(interface="lo", address=IPv4Interface((int(address), 32))) for address in served),
        ),
        routes=tuple(PlannedRoute(dst=net, gateway=link[0].ip, interface="eth0") for net in callers),
        filters=(
            Filter(hook="prerouting", rule=DOOR_PRIVATE if private else DOOR_PUBLIC, verdict="log", opening=True),
        ),
    )


def _witness(name: str) -> Node:
    links = {
        WITNESS_PRIVATE: PRIVATE_WITNESS_LINK,
        WITNESS_PUBLIC: PUBLIC_WITNESS_LINK,
        WITNESS_EDGE: EDGE_WITNESS_LINK,
    }
    link, private = links[name], name != WITNESS_PUBLIC
    networks: tuple[IPv4Network, ...] = (SERVICE_ENDPOINTS, IAAS_SERVICES) if private else (PUBLIC_NET,)
    via: IPv4Address = link[0].ip
    return Node(
        name=name,
        addresses=(Address(interface="eth0", address=link[1]),),
        routes=tuple(PlannedRoute(dst=network, gateway=via, interface="eth0") for network in networks),
        resolver=PRIVATE_RESOLVER if private else PUBLIC_RESOLVER,
    )
