"""Endpoints: the front doors of the emulated cloud, derived from a world.

An endpoint is a surface on a plane in a region, with its host names, addresses and port. Names and
ports follow the page's port-based form: instances of one region share a name and differ by port, and an instance's two
surfaces (key management, EP11) by both.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.model.addresses import (
    HS_CRYPTO_OCTET,
    IAM_OCTET,
    KEY_PROTECT_OCTET,
    MOST_ACCOUNTS,
    REGIONS,
    private_addresses,
    public_address,
)
from lab.model.plane import Plane, Surface
from lab.model.world import Instance, World

FIRST_PORT = 9042  # the page's example instance
LAST_PORT = 65535
MOST_INSTANCES = (LAST_PORT + 1 - FIRST_PORT) // 2 - MOST_ACCOUNTS
"""Each instance has two ports; the last pairs are left to the accounts' control instances, one for each account."""
HTTPS = 443
HOME_REGION = REGIONS[0]
"""IAM's private host is served from here; the product offers it in us-south and us-east only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One front door. ``instance`` is None for services that all instances share, or that know none of them."""

    surface: Surface
    plane: Plane
    region: str
    names: tuple[str, ...]
    addresses: tuple[IPv4Address, ...]
    port: int
    instance: str | None = None

    @property
    def name(self) -> str:
        """A short name for logs and evidence, such as ``kms/private/keys`` or ``iam/public``."""
        whose = self.region if self.surface is Surface.KEY_PROTECT else self.instance
        return "/".join(filter(None, (self.surface.value, self.plane.value, whose)))

    @property
    def authority(self) -> str:
        """Host name and port, as clients of gRPC are given it."""
        return f"{self.names[0]}:{self.port}"

    @property
    def url(self) -> str:
        """The URL that a client is given; no port where it is the scheme's own."""
        return "https://" + (self.names[0] if self.port == HTTPS else self.authority)


def kms_port(instance: Instance) -> int:
    """Return the instance's key-management port; its EP11 port is the next one (page: one port each)."""
    return FIRST_PORT + 2 * (instance.number - 1)


def kms(instance: Instance, plane: Plane) -> Endpoint:
    """Return an instance's key-management endpoint on ``plane``."""
    return _of_instance(Surface.KMS, "api", kms_port(instance), instance, plane)


def ep11(instance: Instance, plane: Plane) -> Endpoint:
    """Return an instance's EP11 endpoint on ``plane``: another name and port, the same addresses."""
    return _of_instance(Surface.EP11, "ep11", kms_port(instance) + 1, instance, plane)


INSTANCE_SURFACES = (Surface.KMS, Surface.EP11)
"""The surfaces that an instance has doors of; both follow its network access policy."""


def of_instance(instance: Instance, surface: Surface, plane: Plane) -> Endpoint:
    """Return an instance's endpoint of one of ``INSTANCE_SURFACES`` on ``plane``; KeyError for another surface."""
    return {Surface.KMS: kms, Surface.EP11: ep11}[surface](instance, plane)


def doors_of(instance: Instance) -> tuple[Endpoint, ...]:
    """Return every door of ``instance``: key management's first, public before private."""
    planes = (Plane.PUBLIC, Plane.PRIVATE)
    return tuple(of_instance(instance, surface, plane) for surface in INSTANCE_SURFACES for plane in planes)


def iam(plane: Plane) -> Endpoint:
    """Return IAM's token endpoint on ``plane``."""
    name = "private.iam.cloud.ibm.com" if plane is Plane.PRIVATE else "iam.cloud.ibm.com"
    return Endpoint(
        surface=Surface.IAM,
        plane=plane,
        region=HOME_REGION,
        names=(name,),
        addresses=_addresses(HOME_REGION, plane, IAM_OCTET),
        port=HTTPS,
    )


def key_protect(region: str) -> Endpoint:
    """Return Key Protect's public endpoint in ``region``: what ``ibmcloud kp`` asks where nothing else is set."""
    return Endpoint(
        surface=Surface.KEY_PROTECT,
        plane=Plane.PUBLIC,
        region=region,
        names=(f"{region}.kms.cloud.ibm.com",),
        addresses=_addresses(region, Plane.PUBLIC, KEY_PROTECT_OCTET),
        port=HTTPS,
    )


def endpoints(world: World) -> tuple[Endpoint, ...]:
    """Return every front door of ``world``: the shared ones, then each instance's; public before private."""
    regions = dict.fromkeys(instance.region for instance in world.instances.values())
    own = (door for instance in world.instances.values() for door in doors_of(instance))
    return (iam(Plane.PUBLIC), iam(Plane.PRIVATE), *map(key_protect, regions), *own)


def _of_instance(surface: Surface, word: str, port: int, instance: Instance, plane: Plane) -> Endpoint:
    private = ".private" if plane is Plane.PRIVATE else ""
    return Endpoint(
        surface=surface,
        plane=plane,
        region=instance.region,
        names=(f"{word}{private}.{instance.region}.hs-crypto.cloud.ibm.com",),
        addresses=_addresses(instance.region, plane, HS_CRYPTO_OCTET),
        port=port,
        instance=instance.name,
    )


def _addresses(region: str, plane: Plane, octet: int) -> tuple[IPv4Address, ...]:
    if plane is Plane.PRIVATE:
        return private_addresses(region, octet)
    return (public_address(region, octet),)
