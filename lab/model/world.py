"""The world: what a topology describes and what the oracle reasons about, as frozen values by name.

A change returns a new world (``lab.model.action.apply``); nothing here looks at a kernel or a clock.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from types import MappingProxyType
from typing import TypeVar

from lab.errors import ModelError, Problem, nearest
from lab.model.plane import Plane, Policy

T = TypeVar("T")
NAME = re.compile(r"(?=.{1,63}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""What authors may call accounts, hosts and instances; the lab's own names are told apart by not matching it."""
NAME_RULE = "1 to 63 small letters, digits and single hyphens, a letter first"
_IDENTITIES = uuid.UUID("6f1c9f58-0d3b-5c0a-9a54-7e0f5f1c2a10")


class HostKind(Enum):
    """What a host is.

    A VSI has a private and a public NIC, an internet host a public one only. An on-premises host has the internet on
    one side, and on the other a Direct Link into its account's private network, which carries no service endpoints.
    """

    VSI = "vsi"
    INTERNET = "internet-host"
    ON_PREMISES = "on-premises-host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An infrastructure account. ``number`` (from 1) places its addresses and its routing table."""

    name: str
    number: int
    vrf: bool = False
    service_endpoints: bool = False

    @property
    def id(self) -> str:
        """The 32 hexadecimal digits by which IAM and CRNs name the account; the same in every run."""
        return uuid.uuid5(_IDENTITIES, f"account/{self.name}").hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """A network interface: name as the host's own tools print it, address with prefix, gateway, plane."""

    name: str
    plane: Plane
    address: IPv4Interface
    gateway: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route of a host; ``gateway`` None means that the destination is on the link."""

    dst: IPv4Network
    gateway: IPv4Address | None
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """An account's gateway appliance: forwards between the private subnets behind it and the backbone.

    ``nic`` is its own place on the backbone; in each subnet behind it it has the address of that subnet's gateway.
    ``permits_services``: whether its firewall lets packets for the service network pass.
    """

    name: str
    account: str
    nic: Nic
    permits_services: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A VSI or on-premises host (of an account) or an internet host (of nobody, but it may hold an account's API key).

    ``routes`` are those of its kernel, ``saved`` those of its network configuration, which a reboot brings. ``behind``
    names the gateway appliance in front of a VSI's private subnet; None: the backbone's own router.
    """

    name: str
    kind: HostKind
    account: str
    nics: tuple[Nic, ...]
    routes: tuple[Route, ...]
    saved: tuple[Route, ...]
    behind: str | None = None

    def nic(self, plane: Plane) -> Nic | None:
        """Return the NIC on ``plane``, or None."""
        return next((nic for nic in self.nics if nic.plane is plane), None)

    @property
    def own_plane(self) -> Plane:
        """The plane that a host uses when nobody says which, and on which its resolver stands: private for a VSI."""
        return Plane.PRIVATE if self.kind is HostKind.VSI else Plane.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A crypto instance. ``policy`` None: never set, which means public-and-private (page, "Public and private").

    ``keys`` are the names of the keys that it holds; ``number`` (from 1) places its ports.
    """

    name: str
    number: int
    account: str
    region: str
    initialised: bool = False
    deleted: bool = False
    policy: Policy | None = None
    keys: frozenset[str] = frozenset()
    deleted_keys: frozenset[str] = frozenset()
    wrapping_keys: frozenset[str] = frozenset()
    """Keys that have wrapped something, which can be unwrapped."""

    @property
    def guid(self) -> str:
        """The instance id, as the ``bluemix-instance`` header carries it; the same in every run."""
        return str(uuid.uuid5(_IDENTITIES, f"instance/{self.account}/{self.name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that a verdict depends on. Mappings are read-only and keep the author's order.

    ``zones_down`` names zones of the cloud, such as ``us-south-1``, that answer nothing. ``blobs`` are the EP11 keys in
    clients' hands: the name that a step gave each, and the instance that sealed it.
    """

    accounts: Mapping[str, Account] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    zones_down: frozenset[str] = frozenset()
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("accounts", "hosts", "instances", "gateways", "blobs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def account(self, name: str, *, where: str = "account") -> Account:
        """Return an account by name; ModelError with the nearest name if there is none."""
        return _find(self.accounts, name, where, "account")

    def host(self, name: str, *, where: str = "host") -> Host:
        """Return a host by name; ModelError with the nearest name if there is none."""
        return _find(self.hosts, name, where, "host")

    def instance_for(self, host: Host) -> Instance | None:
        """Return the instance that a host means where nobody says which; None where there is none.

        The first of its account; where that owns none, the first of the world: a neighbour is there to try what is
        not his.
        """
        return min(self.instances.values(), key=lambda one: one.account != host.account, default=None)

    def instance(self, name: str, *, where: str = "instance") -> Instance:
        """Return an instance by name; ModelError with the nearest name if there is none."""
        return _find(self.instances, name, where, "instance")

    def with_account(self, account: Account) -> World:
        """Return a world in which ``account`` replaces the one of its name."""
        return replace(self, accounts={**self.accounts, account.name: account})

    def with_host(self, host: Host) -> World:
        """Return a world in which ``host`` replaces the one of its name."""
        return replace(self, hosts={**self.hosts, host.name: host})

    def with_instance(self, instance: Instance) -> World:
        """Return a world in which ``instance`` replaces the one of its name, or is added."""
        return replace(self, instances={**self.instances, instance.name: instance})

    def with_blob(self, key: str, instance: str) -> World:
        """Return a world in which clients hold the key ``key``, sealed by ``instance``."""
        return replace(self, blobs={**self.blobs, key: instance})


def _find(mapping: Mapping[str, T], name: str, where: str, kind: str) -> T:
    try:
        return mapping[name]
    except KeyError:
        raise ModelError(Problem(where=where, text=f"no {kind} named {name!r}", hint=nearest(name, mapping))) from None
