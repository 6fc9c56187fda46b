"""The draft of a world: what has been said so far, and everything that is wrong with it.

A builder and those of the parts that it includes write on one draft. Texts are read here, once: what stands in a draft
are ``ipaddress`` objects, and where a text cannot be read, something usual, so that the next mistake is found too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from lab.describe.plan import OWN_NODES
from lab.describe.slip import authors_line
from lab.errors import ModelError, Problem, nearest
from lab.model.addresses import BACKBONE, MOST_VSIS, MOST_VSIS_OF_AN_ACCOUNT, gateway, vsi_subnet
from lab.model.plane import Plane
from lab.model.world import NAME, NAME_RULE, Account, Gateway, Host, HostKind, Instance, Nic, World

INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
INTERFACE_RULE = "1 to 15 letters, digits, dots, hyphens and underscores, a letter or digit first"
KERNELS_OWN = frozenset({"lo", "all", "default"})
"""The loopback that every host has, and what ``/proc/sys/net/ipv4/conf`` calls all interfaces and new ones."""
RESERVED = frozenset(OWN_NODES)
LONGEST_PREFIX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A private subnet that is taken: whose it is, and where and in which line that was said."""

    network: IPv4Network
    holder: str
    account: Account
    where: str
    line: str

    def apart(self, other: Subnet) -> bool:
        """Say whether the two may overlap: each stands in a routing table of its own."""
        return self.account.name != other.account.name and self.account.vrf and other.account.vrf


class Draft:
    """Accounts, hosts, gateways and instances in the order in which they were said, and problems likewise."""

    def __init__(self) -> None:
        """Start empty."""
        self.accounts: dict[str, Account] = {}
        self.hosts: dict[str, Host] = {}
        self.gateways: dict[str, Gateway] = {}
        self.instances: dict[str, Instance] = {}
        self._kinds: Counter[HostKind] = Counter()
        self._taken: Counter[str] = Counter()
        self._subnets: list[Subnet] = []
        self._problems: list[Problem] = []

    def world(self) -> World:
        """Return the world; ModelError with everything that is wrong."""
        self._check_overlaps()
        if self._problems:
            raise ModelError(*self._problems)
        return World(accounts=self.accounts, hosts=self.hosts, instances=self.instances, gateways=self.gateways)

    def add(self, host: Host) -> Host:
        """Add a host."""
        self._kinds[host.kind] += 1
        self.hosts[host.name] = host
        return host

    def count(self, *kinds: HostKind) -> int:
        """Return how many hosts of these kinds were added."""
        return sum(self._kinds[kind] for kind in kinds)

    def private_nic(
        self,
        holder: str,
        owner: Account,
        where: str,
        *,
        name: str,
        address: str | None = None,
        router: str | None = None,
    ) -> Nic:
        """Return a NIC in a private subnet of its own: the account's next, unless ``address`` says another."""
        used = self._taken[owner.name]
        self.room(where, used, MOST_VSIS_OF_AN_ACCOUNT, "VSIs in an account")
        self.room(where, self._taken.total(), MOST_VSIS, "VSIs")
        self._taken[owner.name] += 1
        subnet = vsi_subnet(owner.number, used + 1)
        default = IPv4Interface(f"{subnet.network_address + 2}/{subnet.prefixlen}")
        interface = self._interface(address, f"{where}/private_address", default)
        if owner.name in self.accounts:
            self._subnets.append(
                Subnet(network=interface.network, holder=holder, account=owner, where=where, line=authors_line())
            )
        return self.nic(
            name, Plane.PRIVATE, interface, self._router(router, f"{where}/private_gateway", interface), where
        )

    def nic(self, name: str, plane: Plane, address: IPv4Interface, router: IPv4Address, where: str) -> Nic:
        """Return a NIC whose name an interface may have."""
        if not INTERFACE.fullmatch(name):
            text = f"{name!r} is no interface name: {INTERFACE_RULE}"
            self.wrong(f"{where}/{plane.value}_interface", text, "such as eth0")
        if name in KERNELS_OWN:
            self.wrong(f"{where}/{plane.value}_interface", f"{name!r} is the kernel's own", "such as eth0")
        return Nic(name=name, plane=plane, address=address, gateway=router)

    def owner(self, name: str, where: str) -> Account:
        """Return an account by name, or one that stands for it so that building goes on."""
        if (known := self.accounts.get(name)) is not None:
            return known
        text = f"no account named {name!r}" if name else "there is no account yet"
        self.wrong(where, text, nearest(name, self.accounts) or "add one with account(...)")
        return Account(name=name or "nobody", number=1)

    def node_name(self, name: str, where: str) -> None:
        """Tell of a name that no host and no appliance can have."""
        if name in RESERVED:
            self.wrong(where, f"{name!r} is a node of the lab itself", f"reserved: {', '.join(sorted(RESERVED))}")
        self.name(name, where, self.gateways if name in self.gateways else self.hosts)

    def name(self, name: str, where: str, taken: Container[str]) -> None:
        """Tell of what is no name, or that of another."""
        if not NAME.fullmatch(name):
            self.wrong(where, f"{name!r} is no name", NAME_RULE)
        if name in taken:
            self.wrong(where, f"{name!r} is said twice", "names are unique")

    def room(self, where: str, used: int, most: int, what: str) -> None:
        """Tell once, of the first beyond ``most``: numbers stand for addresses or ports, and those end."""
        if used == most:
            self.wrong(where, f"there is room for {most} {what} and no more", "")

    def wrong(self, where: str, text: str, hint: str, line: str = "") -> None:
        """Note a problem; ``line`` is where its author said it, by default the one that is being read."""
        self._problems.append(Problem(where=where, text=text, hint=hint, line=line or authors_line()))

    def _interface(self, text: str | None, where: str, default: IPv4Interface) -> IPv4Interface:
        if text is None:
            return default
        try:
            interface = IPv4Interface(text)
        except ValueError as error:
            self.wrong(where, str(error), "such as 10.64.0.2/26")
            return default
        network = interface.network
        inside = network.subnet_of(BACKBONE) and BACKBONE.prefixlen < network.prefixlen <= LONGEST_PREFIX
        if "/" not in text or not inside or not _for_a_host(interface.ip, network):
            self.wrong(where, f"{text} is no host address in {BACKBONE} with its prefix", "such as 10.64.0.2/26")
            return default
        return interface

    def _router(self, text: str | None, where: str, address: IPv4Interface) -> IPv4Address:
        first = gateway(address)
        usual = first if first != address.ip else first + 1
        try:
            router = IPv4Address(text) if text is not None else first
        except ValueError as error:
            self.wrong(where, str(error), f"such as {usual}")
            return usual
        if router == address.ip:
            self.wrong(where, f"{router} is the VSI's own address", f"such as {usual}")
        elif router not in address.network:
            self.wrong(where, f"{router} is outside the subnet {address.network}", f"such as {usual}")
        elif not _for_a_host(router, address.network):
            self.wrong(where, f"{router} is no host address in {address.network}", f"such as {usual}")
        return router

    def _check_overlaps(self) -> None:
        """Tell of each subnet that overlaps one said before, but for those of two accounts that VRF keeps apart."""
        around: list[int] = []
        for network, later in sorted((subnet.network, order) for order, subnet in enumerate(self._subnets)):
            # in order of addresses, wider ones first: what does not hold this one holds none that comes after it
            while around and not self._subnets[around[-1]].network.overlaps(network):
                around.pop()
            clash = next((order for order in around if not self._subnets[order].apart(self._subnets[later])), None)
            if clash is not None:
                first, second = sorted((clash, later))
                self._overlap(self._subnets[first], self._subnets[second])
            around.append(later)

    def _overlap(self, first: Subnet, later: Subnet) -> None:
        text = f"{later.network} overlaps {first.holder} of {first.account.name}"
        hint = _overlap_hint(later.account, first.account)
        self.wrong(f"{later.where}/private_address", text, hint, later.line)


def _overlap_hint(one: Account, other: Account) -> str:
    if one.name == other.name:
        return "each VSI stands on a subnet of its own"
    if one.vrf or other.vrf:
        without = other.name if one.vrf else one.name
        return f'only VRF keeps equal addresses apart: account("{without}", vrf=True)'
    return "without VRF all accounts share one address space"


def _for_a_host(address: IPv4Address, network: IPv4Network) -> bool:
    return address not in {network.network_address, network.broadcast_address}
