"""Actions: the closed union of everything that changes a world.

A change of the network access policy is not here: it is a call (``SetPolicy`` makes one) and takes
effect only if it gets through, so lock-out needs no special case. There is no "disable VRF", and
service endpoints without VRF are refused when they are said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from lab.errors import ModelError, Problem, nearest
from lab.model.addresses import REGIONS, ZONE_NETWORKS
from lab.model.call import Call, Operation
from lab.model.endpoint import HOME_REGION, MOST_INSTANCES
from lab.model.plane import Policy
from lab.model.routes import NOTHING, HostRoute, routes_after
from lab.model.world import NAME, NAME_RULE, Account, Host, Instance, World


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableVrf:
    """The account gets a routing table of its own, for good (page, "Before you begin", 1)."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableServiceEndpoints:
    """The account's resources become available on both endpoints (page, "Before you begin", 2)."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """A new, uninitialised instance; ``policy`` None leaves the default, public-and-private (page, step 2)."""

    instance: str
    account: str
    region: str = HOME_REGION
    policy: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialise:
    """The master key is loaded and committed (page, step 4)."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteInstance:
    """``ibmcloud resource service-instance-delete`` was issued."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreInstance:
    """``ibmcloud resource reclamation-restore`` was issued, within the days in which it can be."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRoutes:
    """The host's routes, those changed by ``Netlink`` included, go into its network configuration, for a reboot."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """The host starts again: of its routes it has those of its network configuration."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeZoneDown:
    """A zone of a region, such as ``us-south-1``, answers nothing on its private addresses any more."""

    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BringZoneBack:
    """A zone that was taken down answers again."""

    zone: str


OfAccount: TypeAlias = EnableVrf | EnableServiceEndpoints
OfInstance: TypeAlias = Provision | Initialise | DeleteInstance | RestoreInstance
OfHost: TypeAlias = HostRoute | SaveRoutes | Reboot
OfZone: TypeAlias = TakeZoneDown | BringZoneBack
Action: TypeAlias = OfAccount | OfInstance | OfHost | OfZone


def SetPolicy(policy: Policy, *, by: Call) -> Call:  # noqa: N802 - reads as the action that it is, beside the classes above
    """Return the call that sets the network access policy, made by ``by``'s caller to ``by``'s endpoint."""
    caller: object = by
    if not isinstance(caller, Call):
        raise TypeError(f"by={caller!r} is no call: SetPolicy({policy}, by=Call.private(...))")
    return replace(by, operation=Operation.SET_POLICY, policy=policy, key=None)


def apply(world: World, action: Action) -> World:
    """Return the world after ``action``.

    Raises:
        RouteRefused: A host's kernel refuses its route.
        ModelError: The action names something unknown, or says something that cannot be.
    """
    match action:
        case EnableVrf() | EnableServiceEndpoints():
            return world.with_account(_account_after(world, action))
        case Provision() | Initialise() | DeleteInstance() | RestoreInstance():
            return world.with_instance(_instance_after(world, action))
        case HostRoute() | SaveRoutes() | Reboot():
            return world.with_host(_host_after(world, action))
        case TakeZoneDown() | BringZoneBack():
            return replace(world, zones_down=_zones_after(world, action))


def _account_after(world: World, action: OfAccount) -> Account:
    account = world.account(action.account)
    where = f"accounts/{account.name}"
    if isinstance(action, EnableVrf):
        if account.vrf:
            raise _wrong(where, "VRF is enabled already, and for good", NOTHING)
        return replace(account, vrf=True)
    if not account.vrf:
        raise _wrong(where, "service endpoints need VRF", "enable VRF first")
    if account.service_endpoints:
        raise _wrong(where, "service endpoints are enabled already", NOTHING)
    return replace(account, service_endpoints=True)


def _instance_after(world: World, action: OfInstance) -> Instance:
    if isinstance(action, Provision):
        return _provisioned(world, action)
    instance = world.instance(action.instance)
    where = f"instances/{instance.name}"
    match action:
        case RestoreInstance() if not instance.deleted:
            raise _wrong(where, "is not deleted, so there is nothing to restore", "DeleteInstance comes first")
        case RestoreInstance():
            return replace(instance, deleted=False)
        case _ if instance.deleted:
            hint = f'RestoreInstance(instance="{instance.name}") brings it back; for another, provision another'
            raise _wrong(where, "it is deleted", hint)
        case Initialise() if instance.initialised:
            raise _wrong(where, "it is initialised already", NOTHING)
        case Initialise():
            return replace(instance, initialised=True)
        case DeleteInstance():
            return replace(instance, deleted=True)


def _host_after(world: World, action: OfHost) -> Host:
    host = world.host(action.host, where=f"{_said(action)}({action.host!r})")
    match action:
        case HostRoute():
            return replace(host, routes=routes_after(host, action))
        case SaveRoutes():
            return replace(host, saved=host.routes)
        case Reboot():
            return replace(host, routes=host.saved)


def _said(action: OfHost) -> str:
    """Return the name that authors say."""
    return "Netlink" if isinstance(action, HostRoute) else type(action).__name__


def _zones_after(world: World, action: OfZone) -> frozenset[str]:
    zone, where = action.zone, f"{type(action).__name__}({action.zone!r})"
    if zone not in ZONE_NETWORKS:
        raise _wrong(where, f"no zone named {zone!r}", nearest(zone, ZONE_NETWORKS))
    down = zone in world.zones_down
    if isinstance(action, TakeZoneDown):
        if down:
            raise _wrong(where, "is down already", "")
        return world.zones_down | {zone}
    if not down:
        raise _wrong(where, "is not down", "TakeZoneDown comes first")
    return world.zones_down - {zone}


def effect(world: World, call: Call) -> World:
    """Return the world after ``call`` was served (the caller knows that it was)."""
    instance = world.instances.get(call.instance)
    if instance is None:
        return world
    match call.operation:
        case Operation.INITIALISE:
            return world.with_instance(replace(instance, initialised=True))
        case Operation.SET_POLICY:
            return world.with_instance(replace(instance, policy=call.policy))
        case Operation.CREATE if call.key:
            keys, gone = instance.keys | {call.key}, instance.deleted_keys - {call.key}
            wrapped = instance.wrapping_keys - {call.key}
            return world.with_instance(replace(instance, keys=keys, deleted_keys=gone, wrapping_keys=wrapped))
        case Operation.GENERATE_KEY if call.key:
            return world.with_blob(call.key, instance.name)
        case Operation.WRAP if call.key:
            return world.with_instance(replace(instance, wrapping_keys=instance.wrapping_keys | {call.key}))
        case Operation.DELETE if call.key:
            keys, gone = instance.keys - {call.key}, instance.deleted_keys | {call.key}
            return world.with_instance(replace(instance, keys=keys, deleted_keys=gone))
    return world


def _provisioned(world: World, action: Provision) -> Instance:
    where = f"instances/{action.instance}"
    world.account(action.account, where=f"{where}/account")
    if action.instance in world.instances:
        raise _wrong(where, "this name is taken by another instance", "")
    if action.region not in REGIONS:
        raise _wrong(f"{where}/region", f"no region named {action.region!r}", nearest(action.region, REGIONS))
    if not NAME.fullmatch(action.instance):
        raise _wrong(where, f"{action.instance!r} is no name", NAME_RULE)
    number = 1 + max((i.number for i in world.instances.values()), default=0)
    if number > MOST_INSTANCES:
        raise _wrong(where, f"a world has ports for {MOST_INSTANCES} instances", "provision fewer")
    return Instance(
        name=action.instance, number=number, account=action.account, region=action.region, policy=action.policy
    )


def _wrong(where: str, text: str, hint: str) -> ModelError:
    return ModelError(Problem(where=where, text=text, hint=hint))
