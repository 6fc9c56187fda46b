"""Remedies: for each missing prerequisite, what to do, the command in the real cloud, and the step in a scenario.

A table with the world's own names and addresses filled in. It does not decide what is missing (the oracle does) and
promises nothing about what is missing next.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import count
from typing import Final

from lab.model.addresses import CLOUD_SERVICES, IAAS_SERVICES, SERVICE_ENDPOINTS
from lab.model.call import Call
from lab.model.endpoint import ep11, iam, kms
from lab.model.outcome import Prerequisite
from lab.model.plane import Plane, Surface
from lab.model.world import HostKind, World

EVERYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """``what`` in words, ``command`` to type (in the real cloud, or on the host), ``step`` as a scenario says it.

    ``step`` is empty where the world has nobody who could do it.
    """

    what: str
    command: str
    step: str


def remedy(world: World, call: Call, missing: Prerequisite) -> Remedy:
    """Return what mends ``missing`` for ``call`` in ``world``."""
    match missing:
        case Prerequisite.VRF:
            return _vrf(world, call)
        case Prerequisite.SERVICE_ENDPOINTS:
            account = world.host(call.by).account
            return Remedy(
                what=f"enable account {account} for service endpoints",
                command="ibmcloud account update --service-endpoint-enable true",
                step=f'EnableServiceEndpoints(account="{account}")',
            )
        case Prerequisite.ROUTE:
            return _route(world, call)
        case Prerequisite.FIREWALL:
            return _firewall(world, call)
        case Prerequisite.INSTANCE:
            return _instance(world, call)
        case Prerequisite.INITIALISED:
            return Remedy(
                what=f"initialise {call.instance}: load its master key (key part files or smart cards)",
                command="ibmcloud tke auto-init",
                step=f'Initialise(instance="{call.instance}")',
            )
        case Prerequisite.ENDPOINT:
            return _endpoint(world, call)
        case Prerequisite.POLICY:
            return _policy(world, call)


def _instance(world: World, call: Call) -> Remedy:
    """A deleted instance's name stays taken: the new one has another."""
    gone = world.instance(call.instance)
    names = (f"{gone.name}-{number}" for number in count(2))
    name = next(name for name in names if name not in world.instances)
    return Remedy(
        what=f"{gone.name} is deleted: provision another",
        command=f"ibmcloud resource service-instance-create {name} hs-crypto standard {gone.region}",
        step=f'Provision(instance="{name}", account="{gone.account}", region="{gone.region}")',
    )


def _vrf(world: World, call: Call) -> Remedy:
    account = world.host(call.by).account
    return Remedy(
        what=f"enable account {account} for VRF: in the console's account settings, or by the support case that this "
        "command offers to open; it cannot be undone",
        command="ibmcloud account update --service-endpoint-enable true",
        step=f'EnableVrf(account="{account}")',
    )


def _route(world: World, call: Call) -> Remedy:
    """The first of a host's three ways that is not there as it should be; of a private call the private ones count."""
    host = world.host(call.by)
    private = host.nic(Plane.PRIVATE) if host.own_plane is Plane.PRIVATE else None
    ways = [(private, net) for net in (IAAS_SERVICES, SERVICE_ENDPOINTS)] if private is not None else []
    ways += [(nic, EVERYWHERE)] if (nic := host.nic(Plane.PUBLIC)) is not None else []
    right = {(route.gateway, route.dst) for route in host.routes}
    nic, net = next(((nic, net) for nic, net in ways if (nic.gateway, net) not in right), ways[0])
    there = any(route.dst == net for route in host.routes)
    word, dst = "replace" if there else "add", "default" if net == EVERYWHERE else str(net)
    command = f"route add -net {net} gw {nic.gateway} dev {nic.name}"
    if there or net == EVERYWHERE:
        command = f"ip route {word} {dst} via {nic.gateway} dev {nic.name}"
    return Remedy(
        what=f"route {dst} of {host.name} through its {nic.plane.value} gateway",
        command=command,
        step=f'Netlink("{host.name}").route("{word}", dst="{dst}", gateway="{nic.gateway}")',
    )


def _firewall(world: World, call: Call) -> Remedy:
    gateway = world.host(call.by).behind or ""
    return Remedy(
        what=f"permit {CLOUD_SERVICES} in the firewall of {gateway}, the gateway appliance in front of {call.by}",
        command=f"set firewall name SERVICE-ENDPOINTS rule 10 destination address {CLOUD_SERVICES}",
        step="",
    )


def _endpoint(world: World, call: Call) -> Remedy:
    """The caller targets the endpoint of the other side: the answer is the endpoint of its own."""
    own, where = world.host(call.by).own_plane, ""
    if world.host(call.by).kind is HostKind.ON_PREMISES:
        where = "; privately only through a reverse proxy on a VSI"
    what, step = f"target the {own.value} endpoint", f'Call.{own.value}("{call.by}", "{call.instance}")'
    match call.surface:
        case Surface.IAM:
            what, setting = f"ask IAM's {own.value} endpoint", f"IBMCLOUD_IAM_API_ENDPOINT={iam(own).url}"
            step = f'Call.token("{call.by}", "{call.instance}", Plane.{own.name})'
        case Surface.EP11:
            setting = f"GREP11_ADDRESS={ep11(world.instance(call.instance), own).authority}"
            step = f'Call.ep11_{own.value}("{call.by}", "{call.instance}")'
        case _:
            if call.setting is not None:
                url = kms(world.instance(call.instance), own).url
                step = f'Call.kp("{call.by}", "{call.instance}", address="{url}")'
            setting = f"KP_PRIVATE_ADDR={kms(world.instance(call.instance), own).url}"
    return Remedy(
        what=f"{what}: {call.by} is on the {own.value} side{where}",
        command=f"export {setting}",
        step=step,
    )


def _policy(world: World, call: Call) -> Remedy:
    instance = world.instance(call.instance)
    own = (host for host in world.hosts.values() if host.account == instance.account)
    inside = next((host.name for host in own if host.own_plane is Plane.PRIVATE), "")
    where = f"on {inside}" if inside else "on a VSI, of which this world has none: no step of a scenario does it here"
    set_ = f'SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=Call.private("{inside}", "{instance.name}"))'
    return Remedy(
        what=f"use the private endpoint, or open the public one again from within: {where}",
        command=f"ibmcloud kp instance policy-update allowed-network -i {instance.guid} -e -t public-and-private",
        step=set_ if inside else "",
    )
