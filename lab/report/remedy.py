"""Remedies: for each missing prerequisite, what to do, the command in the real cloud, and the step in a scenario.

A table with the world's own names and addresses filled in. It does not decide what is missing (the oracle does) and
promises nothing about what is missing next.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.addresses import SERVICE_ENDPOINTS
from lab.model.call import Call
from lab.model.endpoint import ep11, iam, kms
from lab.model.outcome import Prerequisite
from lab.model.plane import Plane, Surface
from lab.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """``what`` in words, ``command`` to type (in the real cloud, or on the host), ``step`` as a scenario says it."""

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
        case Prerequisite.INSTANCE:
            account = world.host(call.by).account
            return Remedy(
                what=f"provision {call.instance}",
                command=f"ibmcloud resource service-instance-create {call.instance} hs-crypto standard us-south",
                step=f'Provision(instance="{call.instance}", account="{account}", region="us-south")',
            )
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


def _vrf(world: World, call: Call) -> Remedy:
    account = world.host(call.by).account
    return Remedy(
        what=f"enable account {account} for VRF: in the console's account settings, or by the support case that this "
        "command offers to open; it cannot be undone",
        command="ibmcloud account update --service-endpoint-enable true",
        step=f'EnableVrf(account="{account}")',
    )


def _route(world: World, call: Call) -> Remedy:
    host = world.host(call.by)
    nic = host.nic(Plane.PRIVATE) or host.nics[0]
    return Remedy(
        what=f"route the private services of {host.name} through its private gateway",
        command=f"route add -net {SERVICE_ENDPOINTS} gw {nic.gateway} dev {nic.name}",
        step=f'Netlink("{host.name}").route("add", dst="{SERVICE_ENDPOINTS}", gateway="{nic.gateway}")',
    )


def _endpoint(world: World, call: Call) -> Remedy:
    """The caller targets the endpoint of the other side: the answer is the endpoint of its own."""
    own = world.host(call.by).own_plane
    what, step = f"target the {own.value} endpoint", own.value
    match call.surface:
        case Surface.IAM:
            what, setting = f"ask IAM's {own.value} endpoint", f"IBMCLOUD_IAM_API_ENDPOINT={iam(own).url}"
        case Surface.EP11:
            setting = f"GREP11_ADDRESS={ep11(world.instance(call.instance), own).authority}"
            step = f"ep11_{own.value}"
        case _:
            setting = f"KP_PRIVATE_ADDR={kms(world.instance(call.instance), own).url}"
    return Remedy(
        what=f"{what}: {call.by} is on the {own.value} side",
        command=f"export {setting}",
        step=f'Call.{step}("{call.by}", "{call.instance}")',
    )


def _policy(world: World, call: Call) -> Remedy:
    instance = world.instance(call.instance)
    own = (host for host in world.hosts.values() if host.account == instance.account)
    inside = next((host.name for host in own if host.nic(Plane.PRIVATE)), "")
    where = f"on {inside}" if inside else "on a VSI, of which this world has none"
    return Remedy(
        what=f"use the private endpoint, or open the public one again from within: {where}",
        command=f"ibmcloud kp instance policy-update allowed-network -i {instance.guid} -e -t public-and-private",
        step=f'SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=Call.private("{inside or "vsi-1"}", "{instance.name}"))',
    )
