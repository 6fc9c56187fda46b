"""Actions: the closed union of everything that changes a world.

A change of the network access policy is not here: it is a call (``SetPolicy`` makes one) and takes
effect only if it gets through, so lock-out needs no special case. There is no "disable VRF", and
service endpoints without VRF are refused when they are said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import TypeAlias

from lab.errors import ModelError, Problem, nearest
from lab.model.addresses import REGIONS
from lab.model.call import Call, Operation
from lab.model.endpoint import MOST_INSTANCES
from lab.model.plane import Policy
from lab.model.world import NAME, NAME_RULE, Host, Instance, Nic, Route, World


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
    region: str
    policy: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialise:
    """The master key is loaded and committed (page, step 4)."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteInstance:
    """``ibmcloud resource service-instance-delete`` was issued."""

    instance: str


_NOTHING = "leave the step out: it changes nothing, so nothing of it could be measured"
ROUTE_COMMANDS = ("add", "del", "replace")
ROUTE_ARGUMENTS = ("dst", "gateway", "oif")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoute:
    """A change of a host's routing table in pyroute2's own words.

    ``arguments`` are the keywords of ``IPRoute.route(command, ...)`` as the author wrote them (``oif``
    by interface name); the oracle reads them, the lab sends them unchanged.
    """

    host: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the arguments."""
        object.__setattr__(self, "arguments", MappingProxyType({k: str(v) for k, v in self.arguments.items()}))


@dataclass(frozen=True, slots=True)
class Netlink:
    """pyroute2's vocabulary for a host's kernel, as data: ``Netlink("vsi-1").route("add", dst=..., gateway=...)``."""

    host: str

    def route(self, command: str, **arguments: str) -> HostRoute:
        """Return the action; ``command`` and keywords as in ``pyroute2.IPRoute.route``."""
        return HostRoute(host=self.host, command=command, arguments=arguments)


Action: TypeAlias = EnableVrf | EnableServiceEndpoints | Provision | Initialise | DeleteInstance | HostRoute


def SetPolicy(policy: Policy, *, by: Call) -> Call:  # noqa: N802 - reads as the action that it is, beside the classes above
    """Return the call that sets the network access policy, made by ``by``'s caller to ``by``'s endpoint."""
    caller: object = by
    if not isinstance(caller, Call):
        raise TypeError(f"by={caller!r} is no call: SetPolicy({policy}, by=Call.private(...))")
    return replace(by, operation=Operation.SET_POLICY, policy=policy, key=None)


def apply(world: World, action: Action) -> World:
    """Return the world after ``action``.

    Raises:
        ModelError: The action names something unknown, or says something that cannot be.
    """
    match action:
        case EnableVrf():
            account = world.account(action.account)
            if account.vrf:
                raise _wrong(f"accounts/{account.name}", "VRF is enabled already, and for good", _NOTHING)
            return world.with_account(replace(account, vrf=True))
        case EnableServiceEndpoints():
            account = world.account(action.account)
            if not account.vrf:
                raise _wrong(f"accounts/{account.name}", "service endpoints need VRF", "enable VRF first")
            if account.service_endpoints:
                raise _wrong(f"accounts/{account.name}", "service endpoints are enabled already", _NOTHING)
            return world.with_account(replace(account, service_endpoints=True))
        case Provision():
            return world.with_instance(_provisioned(world, action))
        case Initialise():
            instance = _living(world, action.instance)
            if instance.initialised:
                raise _wrong(f"instances/{instance.name}", "it is initialised already", _NOTHING)
            return world.with_instance(replace(instance, initialised=True))
        case DeleteInstance():
            return world.with_instance(replace(_living(world, action.instance), deleted=True))
        case HostRoute():
            host = world.host(action.host, where=f"Netlink({action.host!r})")
            return world.with_host(replace(host, routes=routes_after(host, action)))


def _living(world: World, name: str) -> Instance:
    """Return an instance that is not deleted."""
    instance = world.instance(name)
    if instance.deleted:
        raise _wrong(f"instances/{name}", "it is deleted", "its name stays taken: provision another")
    return instance


def effect(world: World, call: Call) -> World:
    """Return the world after ``call`` was served (the caller knows that it was)."""
    instance = world.instances.get(call.instance)
    if instance is None:
        return world
    match call.operation:
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


def routes_after(host: Host, action: HostRoute) -> tuple[Route, ...]:
    """Return the host's static routes after ``action``, by the kernel's rules.

    Raises:
        ModelError: An argument is missing, unreadable or unknown; the gateway is in none of the host's
            subnets, or no machine's address; ``add`` finds the route there already, ``del`` does not find it.
    """
    where = f"hosts/{host.name}/routes"
    route = _read(host, action, where)
    same = [r for r in host.routes if r.dst == route.dst]
    match action.command:
        case "add" if same:
            text = f"{route.dst} is routed already, via {same[0].gateway}"
            raise _wrong(where, text, 'use "replace"')
        case "add" if on_link := [nic.name for nic in host.nics if nic.address.network == route.dst]:
            raise _wrong(where, f"{route.dst} is the subnet of {on_link[0]}, and routed already", 'use "replace"')
        case "add":
            return (*host.routes, route)
        case "replace" if route in same:
            raise _wrong(where, f"{route.dst} is routed so already", _NOTHING)
        case "replace":
            return (*(r for r in host.routes if r.dst != route.dst), route)
        case _:
            gateway, oif = (action.arguments.get(name) for name in ("gateway", "oif"))
            gone = [r for r in same if gateway in (None, str(r.gateway)) and oif in (None, r.interface)]
            if not gone:
                raise _wrong(where, f"no route to {route.dst} to delete", nearest(str(route.dst), _known(host)))
            return tuple(r for r in host.routes if r is not gone[0])


def _known(host: Host) -> list[str]:
    return [str(r.dst) for r in host.routes]


def _read(host: Host, action: HostRoute, where: str) -> Route:
    if action.command not in ROUTE_COMMANDS:
        raise _wrong(where, f"no route command {action.command!r}", nearest(action.command, ROUTE_COMMANDS))
    for name in action.arguments:
        if name not in ROUTE_ARGUMENTS:
            raise _wrong(where, f"unknown keyword {name!r}", nearest(name, ROUTE_ARGUMENTS))
    text = action.arguments.get("dst", "")
    try:
        dst = IPv4Network("0.0.0.0/0" if text == "default" else text)
    except ValueError as error:
        raise _wrong(f"{where}/dst", str(error) or "missing", 'such as "166.9.0.0/16"') from None
    if action.command == "del" and "gateway" not in action.arguments:
        return Route(dst=dst, gateway=None, interface=_allowed_nics(host, action.arguments, where)[0].name)
    return _through(host, dst, action.arguments, where)


def _through(host: Host, dst: IPv4Network, arguments: Mapping[str, str], where: str) -> Route:
    nics = _allowed_nics(host, arguments, where)
    if "gateway" not in arguments:
        if "oif" not in arguments:
            raise _wrong(where, f"a route to {dst} needs a gateway or an oif", "")
        return Route(dst=dst, gateway=None, interface=nics[0].name)
    try:
        gateway = IPv4Address(arguments["gateway"])
    except ValueError as error:
        raise _wrong(f"{where}/gateway", str(error), "an IPv4 address") from None
    for nic in nics:
        subnet = nic.address.network
        if gateway in (subnet.network_address, subnet.broadcast_address):
            text = f"{gateway} is no machine's: it is the subnet's own, or all of it"
            raise _wrong(f"{where}/gateway", text, f"such as {nic.gateway}")
        if gateway in subnet and gateway != nic.address.ip:
            return Route(dst=dst, gateway=gateway, interface=nic.name)
    subnets = ", ".join(f"{nic.name} {nic.address.network} (gateway {nic.gateway})" for nic in nics)
    raise _wrong(f"{where}/gateway", f"{gateway} is in none of the host's subnets", f"there are: {subnets}")


def _allowed_nics(host: Host, arguments: Mapping[str, str], where: str) -> tuple[Nic, ...]:
    if (oif := arguments.get("oif")) is None:
        return host.nics
    if found := tuple(nic for nic in host.nics if nic.name == oif):
        return found
    raise _wrong(f"{where}/oif", f"no interface {oif!r}", nearest(oif, (nic.name for nic in host.nics)))


def _wrong(where: str, text: str, hint: str) -> ModelError:
    return ModelError(Problem(where=where, text=text, hint=hint))
