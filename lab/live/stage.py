"""The stage: a world brought up inside the network process, changed and asked by requests.

It puts the parts together: the ground (``lab.net``), the cloud process, the probes (``lab.measure``). It
predicts nothing and may not: the oracle cannot be imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec

from lab.describe import environment as client_environment
from lab.describe.changes import Change, difference
from lab.describe.placing import plan
from lab.describe.plan import PRIVATE_SERVICES, PUBLIC_SERVICES, Plan
from lab.errors import BringUpFailed, LiveError, ProbeFailed
from lab.live import firststate
from lab.live.captures import Captures
from lab.live.cloud import Cloud
from lab.live.network import Context, Network
from lab.live.protocol import Notice
from lab.live.world import Act, Ask, Measured, Standing, Up
from lab.measure.inquiry import Inquiry, Memory
from lab.measure.probe import Prober
from lab.measure.readback import ReadBack
from lab.measure.sightings import Sightings
from lab.model.action import Action, OfHost, Reboot, SaveRoutes, apply, effect
from lab.model.addresses import PRIVATE_RESOLVER, PUBLIC_RESOLVER
from lab.model.endpoint import Endpoint
from lab.model.outcome import Measurement, Outcome
from lab.model.plane import Plane, Surface
from lab.model.routes import HostRoute, RouteRefused
from lab.model.world import World
from lab.net import resolver
from lab.net.ground import Ground
from lab.net.hosts import Hosts
from lab.serve import furnishing, messages

_LOG_BUDGET_S: Final = 2.0
_LOG_KEPT: Final = 4096
_LINES_OF_A_REQUEST: Final = 8


@dataclass(slots=True)
class Running:
    """What exists once the world is up."""

    world: World
    plan: Plan
    ground: Ground
    sightings: Sightings
    inquiry: Inquiry
    zone: resolver.Zone
    api_keys: dict[str, str]
    prober: Prober
    captures: Captures | None
    first: World
    written: str = ""
    """What a program in a host changed in the services first; empty if none did."""

    def beyond(self) -> list[str]:
        """Return what programs in hosts made another than the world says, a line each."""
        told = [self.written] if self.written else []
        for host in self.world.hosts:
            told += (f"{host}: {line}" for line in self.ground.host_differences(self.plan, host))
        return told


class Stage:
    """Answers ``Up``, ``Act`` and ``Ask``."""

    def __init__(self, network: Network, hosts: Hosts, *, end_programs: Callable[[str], Awaitable[None]]) -> None:
        """Register with ``network``; ``hosts`` are told what their sessions find.

        Args:
            end_programs: Ends every process that is in a host.
        """
        self._network = network
        self._cloud: Cloud = network.cloud
        self._hosts, self._end_programs = hosts, end_programs
        self._running: Running | None = None
        self.broken = ""
        # whoever looks or acts takes it: a call during a change would be asked of no defined world
        self.turn = asyncio.Lock()
        self._lines: dict[str, deque[str]] = {}
        self._line_came = asyncio.Event()
        network.cloud.on_log(self._logged)
        network.on(Up, self._up)
        network.on(Act, self._act, needs_cloud=True)
        network.on(Ask, self._ask, needs_cloud=True)

    @property
    def running(self) -> Running:
        """What is up; LiveError if nothing is, or nothing that a question could be asked of."""
        if self.broken:
            raise LiveError(self.broken)
        return self.up

    @property
    def up(self) -> Running:
        """What is up, also when it answers no calls any more; LiveError if nothing is."""
        if self._running is None:
            raise LiveError("nothing is up in this lab yet")
        return self._running

    async def _up(self, request: Up, _context: Context) -> Standing:
        async with self.turn:
            if self._running is not None:
                raise LiveError("this lab has a world already")
            return await self._bring_up(request)

    async def _bring_up(self, request: Up) -> Standing:
        marks, started = {}, time.monotonic()

        def mark(name: str) -> None:
            marks[name] = time.monotonic() - started

        world, planned = request.world, plan(request.world)
        prepared = asyncio.ensure_future(
            self._cloud.ask(messages.Prepare(id=0, doors=[furnishing.door(door) for door in planned.doors]))
        )

        await asyncio.sleep(0)  # the request goes out before this thread turns to the kernel

        def announced(number: int, text: str) -> None:
            if number == request.hang_at:
                self._network.notify(Notice(kind="held", text=text))
                threading.Event().wait()

        watched = announced if request.hang_at is not None else None
        ground = Ground(planned, on_operation=watched, stop_after=request.stop_after, batch_size=request.batch_size)
        mark("kernel")
        sightings = Sightings()
        for node, reports in ground.reports():
            sightings.watch(node, reports)
        mark("filters")
        authority = await prepared
        if not isinstance(authority, messages.Prepared):
            raise BringUpFailed("the cloud process made no certificates")
        mark("certificates")
        trust = ssl.create_default_context(cadata=authority.ca_pem)
        mark("trust")
        api_keys = {name: secrets.token_urlsafe(33) for name in world.accounts}
        told = [self._cloud.ask(request) for request in furnishing.world(world, api_keys)]
        await asyncio.gather(*told, self._listen(ground, planned.doors))
        mark("doors")
        zone = resolver.Zone(planned.names)
        for node, address in ((PRIVATE_SERVICES, PRIVATE_RESOLVER), (PUBLIC_SERVICES, PUBLIC_RESOLVER)):
            datagrams = ground.listener(node, address, resolver.PORT, socket.SOCK_DGRAM)
            await resolver.serve(zone, datagrams, ground.listener(node, address, resolver.PORT, socket.SOCK_STREAM))
        mark("resolvers")
        captures = Captures(ground.taps(world.hosts, PRIVATE_SERVICES, PUBLIC_SERVICES)) if request.capture else None
        mark("captures")
        prober = Prober(ground, sightings, trust)
        inquiry = Inquiry(
            prober=prober,
            places=ground,
            sightings=sightings,
            memory=Memory(api_keys=api_keys),
            log_lines=self._lines_of,
            find=captures.find if captures is not None else None,
        )
        self._running = Running(world, planned, ground, sightings, inquiry, zone, api_keys, prober, captures, world)
        self._tell_hosts(authority.ca_pem)
        mark("hosts")
        return Standing(
            vrf_backend=ground.vrf_backend, marks=marks, authority=authority.ca_pem, operations=ground.operations
        )

    async def _act(self, request: Act, _context: Context) -> Measured:
        async with self.turn:
            return Measured(measurement=await self._carry_out(request.read()))

    async def _ask(self, request: Ask, _context: Context) -> Measured:
        async with self.turn:
            running = self.running
            measured = await running.inquiry.measure(running.world, request.call)
            if measured.outcome is Outcome.REACHED:  # proved or not, it may have changed the service
                running.world = effect(running.world, request.call)
            return Measured(measurement=self._as_planned(measured))

    async def _carry_out(self, action: Action) -> Measurement:
        """Change what is up, and read the change back from the kernel or hear it from the service."""
        running = self.running
        read_back = ReadBack(running.ground, running.inquiry.owner)
        if isinstance(action, OfHost):
            return await self._at_host(action, read_back)
        after = apply(running.world, action)
        planned = plan(after)
        change = difference(running.plan, planned)
        with self._whole(action):
            await self._prepare(change)
            running.ground.change(change)
            for request in furnishing.change(running.world, after, action):
                await self._cloud.ask(request)
            if change.doors:
                await self._listen(running.ground, change.doors)
                running.zone.add({name: door.addresses for door in change.doors for name in door.names})
            running.world, running.plan = after, planned
            if change.doors:
                self._tell_hosts(None)
        try:
            evidence = await read_back.action(after, action)
        except ProbeFailed as error:  # the change was made all the same, and the client must know
            return Measurement(outcome=Outcome.DONE, vacuous=f"{type(action).__name__} cannot be read back: {error}")
        done = Measurement(outcome=Outcome.DONE, evidence=evidence) if evidence else _not_done(action)
        return self._as_planned(done)

    async def _at_host(self, action: OfHost, read_back: ReadBack) -> Measurement:
        """Change a host, and read its kernel's table back."""
        running, refused, beyond = self.running, None, list[str]()
        before = running.world.host(action.host)
        try:
            after = apply(running.world, action)
        except RouteRefused:
            after = running.world  # the kernel is asked all the same, and has the last word
        planned = plan(after)
        match action:
            case HostRoute():
                refused = await asyncio.to_thread(running.ground.route, action)
            case Reboot():
                with self._whole(action):
                    await self._end_programs(action.host)
                    running.ground.reboot(planned.node(action.host))
                    beyond = running.ground.host_differences(planned, action.host)
            case SaveRoutes():
                pass  # a configuration is a file: the world keeps it until the host starts again
        if refused is None:
            running.world, running.plan = after, planned
        return read_back.host(action, before, running.world.hosts[action.host], refused, beyond)

    def _as_planned(self, measured: Measurement) -> Measurement:
        """Return ``measured``; it proves nothing where the kernel does not do what was planned."""
        if measured.vacuous or not (found := self._unplanned()):
            return measured
        return replace(measured, vacuous=f"the lab is not as planned: {found}")

    def _unplanned(self) -> str:
        """Return the first difference between the kernel of the lab's own nodes and the plan, or an empty text."""
        return next(iter(self.running.ground.differences(self.running.plan)), "")

    @contextlib.contextmanager
    def _whole(self, action: Action) -> Iterator[None]:
        """Answer nothing any more once a change has failed half-way: what is up is then no world that was described."""
        try:
            yield
        except BaseException as error:
            why = f"{type(action).__name__} failed half-way ({error})"
            self.broken = f"{why}: what is up is no world that can be asked; bring up another lab"
            raise

    async def _prepare(self, change: Change) -> None:
        if change.doors:
            await self._cloud.ask(messages.Prepare(id=0, doors=[furnishing.door(door) for door in change.doors]))

    async def _listen(self, ground: Ground, doors: tuple[Endpoint, ...]) -> None:
        """Make the doors' listeners where their addresses are and hand them to the cloud, keeping no copy.

        A copy here would leave clients in the queue of a listener that nobody serves.
        """
        for start in range(0, len(doors), 40):
            some = doors[start : start + 40]
            listeners = [
                ground.listener(_node(door), address, door.port, socket.SOCK_STREAM)
                for door in some
                for address in door.addresses
            ]
            try:
                names = [door.name for door in some]
                descriptors = [listener.fileno() for listener in listeners]
                await self._cloud.ask(messages.Listen(id=0, door_names=names), descriptors)
            finally:
                for listener in listeners:
                    listener.close()

    def _tell_hosts(self, authority: str | None) -> None:
        """Give every host what real clients read: the authority, an API key, an instance and its endpoints."""
        running = self.running
        if authority is not None:
            self._hosts.trust(authority)
        for host in running.world.hosts.values():
            environment = client_environment.of(running.world, host, running.api_keys[host.account])
            if authority is None:
                self._hosts.set_environment(host.name, environment)
            else:
                node = running.ground.node(host.name)
                self._hosts.add(
                    host.name,
                    network=node.namespace,
                    nameserver=running.ground.resolver(host.name),
                    environment=environment,
                )
                # Mininet's shell of a host finds the same files as any other program there
                node.enter = partial(self._enter, host.name)
                node.environment = partial(self._hosts.environment_of, host.name)

    def _enter(self, host: str) -> None:
        self._hosts.namespaces_of(host).enter()

    def _logged(self, line: str) -> None:
        said = msgspec.json.decode(line)
        # programs in hosts may say one id as often as they please
        self._lines.setdefault(said["request_id"], deque(maxlen=_LINES_OF_A_REQUEST)).append(line)
        if (running := self._running) is not None:
            written = firststate.written(said, running.prober.claim)
            running.written = running.written or written
        while len(self._lines) > _LOG_KEPT:
            self._lines.pop(next(iter(self._lines)))
        self._line_came.set()
        self._line_came = asyncio.Event()

    async def _lines_of(self, request_id: str, surface: Surface) -> Sequence[str]:
        """Return what the services logged about a request, last the line of the surface that was asked.

        They log before they answer, and what they ask each other before that, so all of it must come.
        """
        try:
            async with asyncio.timeout(_LOG_BUDGET_S):
                while msgspec.json.decode(self._lines.get(request_id, [b"{}"])[-1]).get("surface") != surface.value:
                    await self._line_came.wait()
        except TimeoutError as error:
            raise ProbeFailed(f"a service answered request {request_id} and logged nothing of it") from error
        return self._lines.pop(request_id)


def _node(door: Endpoint) -> str:
    return PRIVATE_SERVICES if door.plane is Plane.PRIVATE else PUBLIC_SERVICES


def _not_done(action: Action) -> Measurement:
    return Measurement(outcome=Outcome.DONE, vacuous=f"{type(action).__name__}: reading it back showed nothing of it")
