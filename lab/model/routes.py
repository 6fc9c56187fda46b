"""Routes of hosts, changed in pyroute2's own words: what a kernel makes of them, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

from lab.errors import ModelError, Problem, nearest
from lab.model.world import Host, Nic, Route

NOTHING = "leave the step out: it changes nothing, so nothing of it could be measured"
ROUTE_COMMANDS = ("add", "del", "replace")
ROUTE_ARGUMENTS = ("dst", "gateway", "oif")


class RouteRefused(ModelError):
    """The words are understood, and the host's kernel will refuse them: a slip, unless the author states it."""


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


def destination(action: HostRoute) -> IPv4Network:
    """Return where the route leads; ``ValueError`` if that cannot be read."""
    text = action.arguments.get("dst", "")
    return IPv4Network("0.0.0.0/0" if text == "default" else text)


def routes_after(host: Host, action: HostRoute) -> tuple[Route, ...]:
    """Return the host's static routes after ``action``, by the kernel's rules.

    Raises:
        RouteRefused: The gateway is no neighbour in any of the host's subnets; ``add`` finds the route there already,
            ``del`` does not find it.
        ModelError: An argument is missing, unreadable or unknown.
    """
    where = f"hosts/{host.name}/routes"
    route = _read(host, action, where)
    same = [r for r in host.routes if r.dst == route.dst]
    match action.command:
        case "add" if same:
            text = f"{route.dst} is routed already, via {same[0].gateway}"
            raise _refused(where, text, 'use "replace"')
        case "add" if on_link := [nic.name for nic in host.nics if nic.address.network == route.dst]:
            raise _wrong(where, f"{route.dst} is the subnet of {on_link[0]}, and routed already", 'use "replace"')
        case "add":
            return (*host.routes, route)
        case "replace" if route in same:
            raise _wrong(where, f"{route.dst} is routed so already", NOTHING)
        case "replace":
            return (*(r for r in host.routes if r.dst != route.dst), route)
        case _:
            gateway, oif = (action.arguments.get(name) for name in ("gateway", "oif"))
            gone = [r for r in same if gateway in (None, str(r.gateway)) and oif in (None, r.interface)]
            if not gone:
                raise _refused(where, f"no route to {route.dst} to delete", nearest(str(route.dst), _known(host)))
            return tuple(r for r in host.routes if r is not gone[0])


def _known(host: Host) -> list[str]:
    return [str(r.dst) for r in host.routes]


def _read(host: Host, action: HostRoute, where: str) -> Route:
    if action.command not in ROUTE_COMMANDS:
        raise _wrong(where, f"no route command {action.command!r}", nearest(action.command, ROUTE_COMMANDS))
    for name in action.arguments:
        if name not in ROUTE_ARGUMENTS:
            raise _wrong(where, f"unknown keyword {name!r}", nearest(name, ROUTE_ARGUMENTS))
    try:
        dst = destination(action)
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
            # every kernel refuses the last address, and only old ones the first
            refusal = _refused if gateway == subnet.broadcast_address else _wrong
            text = f"{gateway} is no machine's: it is the subnet's own, or all of it"
            raise refusal(f"{where}/gateway", text, f"such as {nic.gateway}")
        if gateway in subnet:  # the host's own address included: a kernel takes it, and sends nothing by it
            return Route(dst=dst, gateway=gateway, interface=nic.name)
    subnets = ", ".join(f"{nic.name} {nic.address.network} (gateway {nic.gateway})" for nic in nics)
    raise _refused(f"{where}/gateway", f"{gateway} is in none of the host's subnets", f"there are: {subnets}")


def _allowed_nics(host: Host, arguments: Mapping[str, str], where: str) -> tuple[Nic, ...]:
    if (oif := arguments.get("oif")) is None:
        return host.nics
    if found := tuple(nic for nic in host.nics if nic.name == oif):
        return found
    raise _wrong(f"{where}/oif", f"no interface {oif!r}", nearest(oif, (nic.name for nic in host.nics)))


def _wrong(where: str, text: str, hint: str) -> ModelError:
    return ModelError(Problem(where=where, text=text, hint=hint))


def _refused(where: str, text: str, hint: str) -> RouteRefused:
    return RouteRefused(Problem(where=where, text=text, hint=hint))
