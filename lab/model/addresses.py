"""The address plan: which prefixes are private, where the services live, how hosts are numbered.

Pure values. Private prefixes are the product's; public ones come from the documentation and
benchmarking ranges (RFC 5737, RFC 2544), so that no address of the lab belongs to anybody.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

BACKBONE = IPv4Network("10.0.0.0/8")
IAAS_SERVICES = IPv4Network("161.26.0.0/16")
CLOUD_SERVICES = IPv4Network("166.8.0.0/14")
SERVICE_ENDPOINTS = IPv4Network("166.9.0.0/16")
PRIVATE = (BACKBONE, IAAS_SERVICES, CLOUD_SERVICES)
"""Everything that a VSI may send without it counting as a public packet."""
NEVER_ON_THE_INTERNET = (BACKBONE, IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"), IAAS_SERVICES)

PRIVATE_RESOLVER = IPv4Address("161.26.0.10")
PUBLIC_RESOLVER = IPv4Address("192.0.2.53")
PUBLIC_SERVICES = IPv4Network("192.0.2.0/24")

# Zone blocks of the product, for each region (data centres dal10/12/13, wdc04/06/07, fra02/04/05 ...).
ZONES: dict[str, tuple[IPv4Network, ...]] = {
    "us-south": (IPv4Network("166.9.12.0/23"), IPv4Network("166.9.14.0/23"), IPv4Network("166.9.16.0/23")),
    "us-east": (IPv4Network("166.9.20.0/23"), IPv4Network("166.9.22.0/23"), IPv4Network("166.9.24.0/23")),
    "eu-de": (IPv4Network("166.9.28.0/23"), IPv4Network("166.9.30.0/23"), IPv4Network("166.9.32.0/23")),
    "eu-gb": (IPv4Network("166.9.34.0/24"), IPv4Network("166.9.36.0/24"), IPv4Network("166.9.38.0/24")),
    "jp-tok": (IPv4Network("166.9.40.0/24"), IPv4Network("166.9.42.0/24"), IPv4Network("166.9.44.0/24")),
}
REGIONS = tuple(ZONES)
ZONE_NETWORKS = {f"{region}-{n}": network for region, found in ZONES.items() for n, network in enumerate(found, 1)}
"""The private addresses of each zone, by its name (``us-south-1``)."""

# The last octet of a service inside each of its zones, and on the public services network.
IAM_OCTET, HS_CRYPTO_OCTET, KEY_PROTECT_OCTET = 10, 20, 30


def private_addresses(region: str, octet: int) -> tuple[IPv4Address, ...]:
    """Return a private service's addresses, one for each zone of ``region``, in zone order."""
    return tuple(zone.network_address + octet for zone in ZONES[region])


def zone_of(address: IPv4Address) -> str | None:
    """Return the name of the zone in which a private address lies, or None."""
    return next((name for name, network in ZONE_NETWORKS.items() if address in network), None)


def public_address(region: str, octet: int) -> IPv4Address:
    """Return a public service's address: 192.0.2.x, ``octet`` plus the region's place in ``REGIONS``."""
    return PUBLIC_SERVICES.network_address + octet + REGIONS.index(region)


# Subnets of hosts are numbered from 1: number 0 of each range stays empty.
_FIRST_SUBNETS, _ACCOUNT_PREFIX, _VSI_PREFIX = IPv4Address("10.64.0.0"), 16, 26
_VSI_PUBLIC, _INTERNET_HOSTS, _HOST_PREFIX = IPv4Network("198.18.0.0/15"), IPv4Network("203.0.113.0/24"), 29

MOST_ACCOUNTS = (int(BACKBONE.broadcast_address) - int(_FIRST_SUBNETS)) >> (32 - _ACCOUNT_PREFIX)
MOST_VSIS_OF_AN_ACCOUNT = (1 << (_VSI_PREFIX - _ACCOUNT_PREFIX)) - 1
MOST_VSIS = (1 << (_HOST_PREFIX - _VSI_PUBLIC.prefixlen)) - 1
MOST_INTERNET_HOSTS = (1 << (_HOST_PREFIX - _INTERNET_HOSTS.prefixlen)) - 1


def vsi_subnet(account: int, vsi: int) -> IPv4Network:
    """Return the private subnet of the ``vsi``-th VSI (from 1) of the ``account``-th account (from 1): a /26.

    Each VSI stands on a primary subnet of its own; the backbone's router is its first address.
    """
    place = (account << (32 - _ACCOUNT_PREFIX)) + (vsi << (32 - _VSI_PREFIX))
    return IPv4Network((int(_FIRST_SUBNETS) + place, _VSI_PREFIX))


def vsi_public(host: int) -> IPv4Interface:
    """Return the public NIC's address of the ``host``-th VSI (from 1): 198.18.0.0/15 in /29s; gateway first."""
    return _in_29s(_VSI_PUBLIC, host)


def internet_host(host: int) -> IPv4Interface:
    """Return the address of the ``host``-th internet host (from 1): 203.0.113.0/24 in /29s; gateway first."""
    return _in_29s(_INTERNET_HOSTS, host)


def gateway(interface: IPv4Interface) -> IPv4Address:
    """Return the first address of the interface's subnet, where the router stands."""
    return interface.network.network_address + 1


def _in_29s(network: IPv4Network, number: int) -> IPv4Interface:
    return IPv4Interface((int(network.network_address) + (number << (32 - _HOST_PREFIX)) + 2, _HOST_PREFIX))
