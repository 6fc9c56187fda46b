"""Sabotage: breaks one part of a running lab on purpose, so that tests see a run notice it.

A check that cannot fail proves nothing. Each fault here makes a scenario red, vacuous or an error, and
the text of the run names what is wrong (tests/sabotage).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Final, NoReturn

from lab.describe.placing import SERVICE_LINK, TO_SERVICES, TO_WITNESS
from lab.describe.plan import BACKBONE, FIRST_ACCOUNT_TABLE, INTERNET, PRIVATE_SERVICES, PUBLIC_SERVICES, Filter
from lab.errors import ModelError, Problem, nearest
from lab.kernel import expressions, nftables
from lab.kernel import messages as requests
from lab.live.network import Context, Network
from lab.live.protocol import Done
from lab.live.stage import Running, Stage
from lab.live.world import Sabotage
from lab.measure.capture import Answer
from lab.measure.observation import Observation
from lab.measure.sightings import Sighting
from lab.model.addresses import CLOUD_SERVICES, SERVICE_ENDPOINTS, translated
from lab.model.plane import Plane
from lab.net import filters, vrf_tables
from lab.net.links import Link
from lab.serve import messages

_LEAK = (IPv4Interface("100.64.0.1/30"), IPv4Interface("100.64.0.2/30"))
_PUBLIC_SIDE = (IPv4Network("198.18.0.0/15"), IPv4Network("203.0.113.0/24"))


class Saboteur:
    """Answers ``Sabotage``."""

    def __init__(self, network: Network, stage: Stage) -> None:
        """Register with ``network``."""
        self._network, self._stage = network, stage
        network.on(Sabotage, self._sabotage)

    async def _sabotage(self, request: Sabotage, _context: Context) -> Done:
        if request.name in messages.FAULTS:  # of the services
            await self._network.cloud.ask(messages.Fault(id=0, name=request.name, target=request.target))
            return Done()
        if (fault := FAULTS.get(request.name)) is None:
            hint = nearest(request.name, (*FAULTS, *messages.FAULTS))
            raise ModelError(Problem(where="sabotage", text=f"no fault named {request.name!r}", hint=hint))
        await fault(self, self._stage.running, request.target)
        return Done()

    async def silent_doors(self, running: Running, _target: str) -> None:
        """What the doors report to have arrived is not heard any more."""
        take = running.sightings.take

        def deaf(seen: Sighting) -> None:
            if seen.place not in {PRIVATE_SERVICES, PUBLIC_SERVICES}:
                take(seen)

        running.sightings.take = deaf  # type: ignore[method-assign]

    async def blind_capture(self, running: Running, _target: str) -> None:
        """The capture sees no frame any more."""

        async def nothing(*_asked: object) -> Answer:
            return Answer(points=[])

        assert running.captures is not None, "this lab captures nothing"
        running.captures.ask = nothing  # type: ignore[method-assign,assignment]

    async def moved_probe(self, running: Running, node: str) -> None:
        """Whichever host connects, its packets come from ``node``."""
        sound = running.ground.open_socket

        def moved(asker: str, kind: socket.SocketKind) -> socket.socket:
            own = asker.startswith("witness-") or kind is socket.SOCK_DGRAM
            return sound(asker if own else node, kind)

        running.ground.open_socket = moved  # type: ignore[method-assign,assignment]

    async def other_address(self, running: Running, _target: str) -> None:
        """Names lead to the last of an endpoint's addresses only: another zone."""
        running.zone.add({name: door.addresses[-1:] for door in running.plan.doors for name in door.names})

    async def reversed_addresses(self, running: Running, _target: str) -> None:
        """Names lead to an endpoint's addresses in another order: the last zone first."""
        running.zone.add({name: door.addresses[::-1] for door in running.plan.doors for name in door.names})

    async def drop_account_route(self, running: Running, account: str) -> None:
        """The account's table loses its route to the service network."""
        self._lose(running, account, CLOUD_SERVICES, "unicast")

    async def drop_unreachable_default(self, running: Running, account: str) -> None:
        """The account's table loses its ends, so look-ups fall through to the main table."""
        for kind in ("unicast", "unreachable"):
            self._lose(running, account, IPv4Network("0.0.0.0/0"), kind)

    def _lose(self, running: Running, account: str, dst: IPv4Network, kind: str) -> None:
        node, planned = running.ground.node(BACKBONE), running.plan.node(BACKBONE)
        for table in planned.tables:
            for route in table.routes:
                if (table.owner, route.dst, route.kind) == (account, dst, kind):
                    node.add_route(
                        dst,
                        gateway=route.gateway,
                        interface=route.interface,
                        table=route.table,
                        kind="unreachable" if kind == "unreachable" else "unicast",
                        action="delete",
                    )
        node.fabric.flush()

    async def blind_probe(self, running: Running, _target: str) -> None:
        """No socket can be made for a probe any more."""

        def refuse(*_asked: object, **_named: object) -> NoReturn:
            raise OSError(errno.EMFILE, "sabotaged: no socket")

        running.ground.open_socket = refuse  # type: ignore[method-assign]

    async def deaf_hosts(self, running: Running, _target: str) -> None:
        """Changes of a host's routes are acknowledged and not carried out."""
        running.ground.route = _nothing  # type: ignore[method-assign]

    async def keep_routes(self, running: Running, _target: str) -> None:
        """A reboot leaves a host's routes as they are."""
        running.ground.reboot = _nothing  # type: ignore[method-assign]

    async def answering_neighbour(self, running: Running, target: str) -> None:
        """The backbone has one more address, which answers: ``target`` is a port of its, a comma and the address."""
        interface, address = target.split(",")
        port = running.ground.node(BACKBONE).nameToIntf[interface]
        port.add_address(IPv4Interface(address))
        port.node.fabric.flush()

    async def impatient_probe(self, running: Running, _target: str) -> None:
        """Every client gives up after the first address."""
        patient = running.prober.ask

        async def impatient(*asked: Any, **named: Any) -> Observation:
            return await patient(*asked, **{**named, "first_only": True})

        running.prober.ask = impatient  # type: ignore[method-assign]

    async def frozen_edge(self, running: Running, _target: str) -> None:
        """Changes of accounts are acknowledged and not carried out in the kernel."""
        running.ground.change = _nothing  # type: ignore[method-assign]

    async def confuse_names(self, running: Running, _target: str) -> None:
        """The names of public doors lead to the private ones, whose certificates do not hold them."""
        private = {d.surface: d.addresses for d in running.plan.doors if d.plane is Plane.PRIVATE}
        public = (d for d in running.plan.doors if d.plane is Plane.PUBLIC and d.surface in private)
        running.zone.add({name: private[door.surface] for door in public for name in door.names})

    async def leak_to_internet(self, running: Running, _target: str) -> None:
        """The internet carries 166.9.0.0/16 to the private services, and its edge drops nothing."""
        internet, services = running.ground.node(INTERNET), running.ground.node(PRIVATE_SERVICES)
        made = running.ground.net.addLink(internet, services, cls=Link, intfName1="leak", intfName2="leak")
        for interface, address in zip((made.intf1, made.intf2), _LEAK, strict=True):
            interface.isUp(setUp=True)
            interface.add_address(address)
        internet.add_route(SERVICE_ENDPOINTS, gateway=_LEAK[1].ip, interface="leak")
        for network in _PUBLIC_SIDE:
            services.add_route(network, gateway=_LEAK[0].ip, interface="leak")
        internet.fabric.flush()
        internet.set_filters(())

    async def lying_filter(self, running: Running, target: str) -> None:
        """The internet's edge reports drops, but drops nothing, and carries 166.9.0.0/16."""
        await self.leak_to_internet(running, target)
        told = running.plan.node(INTERNET).filters
        running.ground.node(INTERNET).set_filters([replace(rule, verdict="log") for rule in told])

    async def report_only(self, running: Running, target: str) -> None:
        """The rule ``target`` reports drops and drops nothing; what it lets pass is lost in silence."""
        for planned in running.plan.nodes:
            if any(rule.rule == target for rule in planned.filters):
                _refilter(running, planned.name, lambda r: replace(r, verdict="log") if r.rule == target else r)
                node = running.ground.node(planned.name)
                node.add_route(SERVICE_ENDPOINTS, kind="blackhole")
                node.fabric.flush()

    async def lift_rule(self, running: Running, target: str) -> None:
        """The rule ``target`` stands nowhere any more."""
        for planned in running.plan.nodes:
            if planned.filters:
                running.ground.node(planned.name).set_filters([r for r in planned.filters if r.rule != target])

    async def drop_unseen(self, running: Running, target: str) -> None:
        """A filter without a name drops, at the node ``target`` behind all others, what they would have dropped."""
        node, rules = running.ground.node(target), running.plan.node(target).filters
        node.set_filters((*rules, Filter(hook="prerouting", destination=(CLOUD_SERVICES,))))

    async def swap_tables(self, running: Running, target: str) -> None:
        """What comes from the accounts ``target`` (two names and a comma) is looked up in each other's tables.

        What comes back for them is not: marks lead to the right ones.
        """
        node, tables = running.ground.node(BACKBONE), running.plan.node(BACKBONE).tables
        one, other = (next(table for table in tables if table.owner == owner) for owner in target.split(","))
        for table, led in ((one, other), (other, one)):
            for rule in (rule for rule in vrf_tables.rules(table) if rule.iif):
                wrong = replace(rule, table=led.number, priority=1)
                node.place.send([requests.rule(**asdict(rule), delete=True), requests.rule(**asdict(wrong))])

    async def one_zone(self, running: Running, _target: str) -> None:
        """Every account's connections are tracked in one zone: equal addresses and ports are taken for one."""
        # ahead of the planned rules: what is said first holds
        chain = nftables.chain(filters.TABLE, "early", hook="prerouting", priority=-301)
        rule = nftables.rule(filters.TABLE, "early", expressions.original_zone(FIRST_ACCOUNT_TABLE))
        nftables.transaction(running.ground.node(BACKBONE).netfilter, [chain, rule])

    async def swap_sources(self, running: Running, target: str) -> None:
        """The services see the accounts ``target`` (two names and a comma) by each other's address."""
        one, other = (translated(running.world.accounts[name].number) for name in target.split(","))
        swapped = {one: other, other: one}
        _refilter(running, BACKBONE, lambda r: replace(r, address=swapped[r.address]) if r.address in swapped else r)

    async def stray_route(self, running: Running, account: str) -> None:
        """The account's table has one more route to the service network."""
        tables = running.plan.node(BACKBONE).tables
        table = next(table for table in tables if table.owner == account)
        node, via = running.ground.node(BACKBONE), SERVICE_LINK[1].ip
        node.add_route(SERVICE_ENDPOINTS, gateway=via, interface=TO_SERVICES, table=table.number)
        node.fabric.flush()

    async def swap_names(self, running: Running, target: str) -> None:
        """Two rules of the backbone, ``target`` (two names and a comma), report under each other's name."""
        one, other = target.split(",")
        names = {one: other, other: one}
        _refilter(running, BACKBONE, lambda rule: replace(rule, rule=names.get(rule.rule, rule.rule)))

    async def greedy_rule(self, running: Running, target: str) -> None:
        """The backbone's rule ``target`` hits the packets of every account, but not the witness's."""
        every = {address.interface for address in running.plan.node(BACKBONE).addresses}
        ports = frozenset(every - {TO_SERVICES, TO_WITNESS})
        _refilter(running, BACKBONE, lambda rule: replace(rule, incoming=ports) if rule.rule == target else rule)


def _refilter(running: Running, name: str, change: Callable[[Filter], Filter]) -> None:
    """Give the node filters that are not the planned ones."""
    running.ground.node(name).set_filters([change(rule) for rule in running.plan.node(name).filters])


def _nothing(*_asked: object, **_named: object) -> None:
    """Do nothing, and say that all is well."""


FAULTS: Final[dict[str, Callable[[Saboteur, Running, str], Awaitable[None]]]] = {
    "silent-doors": Saboteur.silent_doors,
    "blind-capture": Saboteur.blind_capture,
    "moved-probe": Saboteur.moved_probe,
    "other-address": Saboteur.other_address,
    "reversed-addresses": Saboteur.reversed_addresses,
    "drop-account-route": Saboteur.drop_account_route,
    "drop-unreachable-default": Saboteur.drop_unreachable_default,
    "blind-probe": Saboteur.blind_probe,
    "deaf-hosts": Saboteur.deaf_hosts,
    "keep-routes": Saboteur.keep_routes,
    "answering-neighbour": Saboteur.answering_neighbour,
    "impatient-probe": Saboteur.impatient_probe,
    "frozen-edge": Saboteur.frozen_edge,
    "confuse-names": Saboteur.confuse_names,
    "leak-to-internet": Saboteur.leak_to_internet,
    "lying-filter": Saboteur.lying_filter,
    "report-only": Saboteur.report_only,
    "lift-rule": Saboteur.lift_rule,
    "drop-unseen": Saboteur.drop_unseen,
    "swap-tables": Saboteur.swap_tables,
    "one-zone": Saboteur.one_zone,
    "swap-sources": Saboteur.swap_sources,
    "stray-route": Saboteur.stray_route,
    "swap-names": Saboteur.swap_names,
    "greedy-rule": Saboteur.greedy_rule,
}
