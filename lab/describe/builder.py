"""The builder that a topology's ``build`` gets: it collects a world, and everything that is wrong with it.

Strings are accepted here, at the edge, and converted once; past the builder addresses are
``ipaddress`` objects. Nothing is raised before ``world()``, so that all problems come at once.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.describe.kinds import checked
from lab.describe.plan import OWN_NODES
from lab.errors import ModelError, Problem, nearest
from lab.model.addresses import (
    BACKBONE,
    IAAS_SERVICES,
    MOST_ACCOUNTS,
    MOST_INTERNET_HOSTS,
    MOST_VSIS,
    MOST_VSIS_OF_AN_ACCOUNT,
    REGIONS,
    SERVICE_ENDPOINTS,
    gateway,
    internet_host,
    vsi_public,
    vsi_subnet,
)
from lab.model.endpoint import MOST_INSTANCES
from lab.model.plane import Plane, Policy
from lab.model.world import NAME, NAME_RULE, Account, Host, HostKind, Instance, Nic, Route, World

INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
INTERFACE_RULE = "1 to 15 letters, digits, dots, hyphens and underscores, a letter or digit first"
KERNELS_OWN = frozenset({"lo", "all", "default"})
"""The loopback that every host has, and what ``/proc/sys/net/ipv4/conf`` calls all interfaces and new ones."""
RESERVED = frozenset(OWN_NODES)
LONGEST_PREFIX = 30
DEFAULT = IPv4Network("0.0.0.0/0")


class Builder:
    """Collects accounts, hosts and instances in the order in which they are said."""

    def __init__(self) -> None:
        """Start empty."""
        self._accounts: dict[str, Account] = {}
        self._hosts: dict[str, Host] = {}
        self._instances: dict[str, Instance] = {}
        self._vsis: dict[str, int] = {}
        self._problems: list[Problem] = []

    @checked
    def account(self, name: str, *, vrf: bool = False, service_endpoints: bool = False) -> Account:
        """Add an account; both switches are off by default, and service endpoints need VRF."""
        where = f"accounts/{name}"
        self._name(name, where, self._accounts, frozenset())
        if service_endpoints and not vrf:
            self._wrong(where, "service endpoints need VRF", "vrf=True")
        self._room(where, len(self._accounts), MOST_ACCOUNTS, "accounts")
        account = Account(name=name, number=len(self._accounts) + 1, vrf=vrf, service_endpoints=service_endpoints)
        self._accounts[name] = account
        return account

    @checked
    def vsi(
        self,
        name: str,
        *,
        account: Account | str,
        private_route: bool = True,
        private_address: str | None = None,
        private_gateway: str | None = None,
        private_interface: str = "eth0",
        public_interface: str = "eth1",
    ) -> Host:
        """Add a VSI with a private and a public NIC; the default route leaves by the public one.

        Args:
            private_route: Whether the route to 166.9.0.0/16 stands (page, step 1).
            private_address: Address with prefix, such as ``10.64.0.2/26``; by default the account's next subnet.
            private_gateway: The backbone's router in that subnet; by default its first address.
        """
        owner = self._owner(account, f"accounts/?/vsis/{name}/account")
        where = f"accounts/{owner.name}/vsis/{name}"
        self._name(name, where, self._hosts, RESERVED)
        self._room(where, self._vsis.get(owner.name, 0), MOST_VSIS_OF_AN_ACCOUNT, "VSIs in an account")
        self._room(where, sum(self._vsis.values()), MOST_VSIS, "VSIs")
        self._vsis[owner.name] = self._vsis.get(owner.name, 0) + 1
        subnet = vsi_subnet(owner.number, self._vsis[owner.name])
        default = IPv4Interface(f"{subnet.network_address + 2}/{subnet.prefixlen}")
        address = self._interface(private_address, f"{where}/private_address", default)
        router = self._gateway(private_gateway, f"{where}/private_gateway", address)
        private = self._nic(private_interface, Plane.PRIVATE, address, router, where)
        outside = vsi_public(sum(self._vsis.values()))
        public = self._nic(public_interface, Plane.PUBLIC, outside, gateway(outside), where)
        if private_interface == public_interface:
            self._wrong(f"{where}/public_interface", f"both NICs are named {public_interface!r}", "")
        routes = [Route(dst=net, gateway=router, interface=private.name) for net in (BACKBONE, IAAS_SERVICES)]
        if private_route:
            routes.append(Route(dst=SERVICE_ENDPOINTS, gateway=router, interface=private.name))
        routes.append(Route(dst=DEFAULT, gateway=public.gateway, interface=public.name))
        return self._add_host(name, HostKind.VSI, owner, (private, public), tuple(routes))

    @checked
    def internet_host(self, name: str, *, account: Account | str | None = None) -> Host:
        """Add a host on the public internet; its user holds an API key of ``account`` (default: the first)."""
        where = f"hosts/{name}"
        self._name(name, where, self._hosts, RESERVED)
        if account is None:
            account = next(iter(self._accounts), "")
        owner = self._owner(account, f"{where}/account")
        number = 1 + sum(host.kind is HostKind.INTERNET for host in self._hosts.values())
        self._room(where, number - 1, MOST_INTERNET_HOSTS, "internet hosts")
        address = internet_host(number)
        nic = self._nic("eth0", Plane.PUBLIC, address, gateway(address), where)
        routes = (Route(dst=DEFAULT, gateway=nic.gateway, interface=nic.name),)
        return self._add_host(name, HostKind.INTERNET, owner, (nic,), routes)

    @checked
    def crypto_instance(
        self,
        name: str,
        *,
        account: Account | str,
        region: str = "us-south",
        initialised: bool = True,
        policy: Policy | str | None = None,
    ) -> Instance:
        """Add a crypto instance; ``policy`` None leaves the default, public-and-private."""
        where = f"instances/{name}"
        self._name(name, where, self._instances, frozenset())
        self._room(where, len(self._instances), MOST_INSTANCES, "instances")
        owner = self._owner(account, f"{where}/account")
        if region not in REGIONS:
            self._wrong(f"{where}/region", f"no region named {region!r}", nearest(region, REGIONS))
        setting: Policy | None = None
        try:
            setting = Policy(policy) if policy is not None else None
        except ValueError:
            known = [p.value for p in Policy]
            self._wrong(f"{where}/policy", f"no policy named {policy!r}", nearest(str(policy), known))
        instance = Instance(
            name=name,
            number=len(self._instances) + 1,
            account=owner.name,
            region=region,
            initialised=initialised,
            policy=setting,
        )
        self._instances[name] = instance
        return instance

    def world(self) -> World:
        """Return the world.

        Raises:
            ModelError: Anything was wrong; all problems, each with its path.
        """
        self._check_overlaps()
        if self._problems:
            raise ModelError(*self._problems)
        return World(accounts=self._accounts, hosts=self._hosts, instances=self._instances)

    def _check_overlaps(self) -> None:
        """Tell of each VSI whose subnet overlaps that of one said before."""
        vsis = [host for host in self._hosts.values() if host.kind is HostKind.VSI and host.account in self._accounts]
        placed = sorted((host.nics[0].address.network, order) for order, host in enumerate(vsis))
        # in order of addresses, wider ones first: what overlaps any before it overlaps the last that overlapped none
        widest = 0
        for place in range(1, len(placed)):
            if not placed[widest][0].overlaps(placed[place][0]):
                widest = place
                continue
            first, later = sorted((placed[widest][1], placed[place][1]))
            self._overlap(vsis[first], vsis[later])

    def _overlap(self, first: Host, later: Host) -> None:
        one, other = self._accounts[later.account], self._accounts[first.account]
        where = f"accounts/{one.name}/vsis/{later.name}/private_address"
        text = f"{later.nics[0].address.network} overlaps {first.name} of {other.name}"
        self._wrong(where, text, self._overlap_hint(one, other))

    @staticmethod
    def _overlap_hint(one: Account, other: Account) -> str:
        if one.name == other.name:
            return "each VSI stands on a subnet of its own"
        if one.vrf and other.vrf:
            return "VRF keeps accounts apart, but this version of the lab cannot place equal addresses twice"
        return "without VRF all accounts share one address space"

    def _add_host(
        self, name: str, kind: HostKind, owner: Account, nics: tuple[Nic, ...], routes: tuple[Route, ...]
    ) -> Host:
        host = Host(name=name, kind=kind, account=owner.name, nics=nics, routes=routes, saved=routes)
        self._hosts[name] = host
        return host

    def _owner(self, account: Account | str, where: str) -> Account:
        name = account.name if isinstance(account, Account) else account
        if (known := self._accounts.get(name)) is not None:
            return known
        text = f"no account named {name!r}" if name else "there is no account yet"
        self._wrong(where, text, nearest(name, self._accounts) or "add one with account(...)")
        return Account(name=name or "nobody", number=1)

    def _nic(self, name: str, plane: Plane, address: IPv4Interface, router: IPv4Address, where: str) -> Nic:
        if not INTERFACE.fullmatch(name):
            text = f"{name!r} is no interface name: {INTERFACE_RULE}"
            self._wrong(f"{where}/{plane.value}_interface", text, "such as eth0")
        if name in KERNELS_OWN:
            self._wrong(f"{where}/{plane.value}_interface", f"{name!r} is the kernel's own", "such as eth0")
        return Nic(name=name, plane=plane, address=address, gateway=router)

    def _interface(self, text: str | None, where: str, default: IPv4Interface) -> IPv4Interface:
        if text is None:
            return default
        try:
            interface = IPv4Interface(text)
        except ValueError as error:
            self._wrong(where, str(error), "such as 10.64.0.2/26")
            return default
        network = interface.network
        inside = network.subnet_of(BACKBONE) and BACKBONE.prefixlen < network.prefixlen <= LONGEST_PREFIX
        if "/" not in text or not inside or not _for_a_host(interface.ip, network):
            self._wrong(where, f"{text} is no host address in {BACKBONE} with its prefix", "such as 10.64.0.2/26")
            return default
        return interface

    def _gateway(self, text: str | None, where: str, address: IPv4Interface) -> IPv4Address:
        first = gateway(address)
        usual = first if first != address.ip else first + 1
        try:
            router = IPv4Address(text) if text is not None else first
        except ValueError as error:
            self._wrong(where, str(error), f"such as {usual}")
            return usual
        if router == address.ip:
            self._wrong(where, f"{router} is the VSI's own address", f"such as {usual}")
        elif router not in address.network:
            self._wrong(where, f"{router} is outside the subnet {address.network}", f"such as {usual}")
        elif not _for_a_host(router, address.network):
            self._wrong(where, f"{router} is no host address in {address.network}", f"such as {usual}")
        return router

    def _name(self, name: str, where: str, taken: object, reserved: frozenset[str]) -> None:
        if not NAME.fullmatch(name):
            self._wrong(where, f"{name!r} is no name", NAME_RULE)
        if name in reserved:
            self._wrong(where, f"{name!r} is a node of the lab itself", f"reserved: {', '.join(sorted(RESERVED))}")
        if isinstance(taken, dict) and name in taken:
            self._wrong(where, f"{name!r} is said twice", "names are unique")

    def _room(self, where: str, used: int, most: int, what: str) -> None:
        """Tell once, of the first beyond ``most``: numbers stand for addresses or ports, and those end."""
        if used == most:
            self._wrong(where, f"there is room for {most} {what} and no more", "")

    def _wrong(self, where: str, text: str, hint: str) -> None:
        self._problems.append(Problem(where=where, text=text, hint=hint))


def _for_a_host(address: IPv4Address, network: IPv4Network) -> bool:
    return address not in {network.network_address, network.broadcast_address}
