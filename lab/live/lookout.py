"""The lookout: what a test asks of a lab beside calls and changes.

What a host's kernel is told in pyroute2's words, how it differs from what was described, what programs did to a policy,
and which public packets left. It judges nothing, and measures no call: that is ``lab.live.stage``.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from lab.kernel.processes import remaining
from lab.live.network import Context, Network
from lab.live.protocol import Done
from lab.live.stage import Running, Stage
from lab.live.world import Differences, Leave, Left, Look, PolicyRead, ReadPolicy, Release, Tell, Told
from lab.measure import requests
from lab.measure.capture import Leaving
from lab.measure.checks import served
from lab.measure.leaving import canary
from lab.model.outcome import Evidence
from lab.model.plane import Plane
from lab.net.hosts import Hosts

_ENDING_S: Final = 0.5
_SHOWN: Final = 80


class Lookout:
    """Answers ``Tell``, ``Look``, ``ReadPolicy``, ``Release`` and ``Leave``."""

    def __init__(self, network: Network, stage: Stage, hosts: Hosts) -> None:
        """Register with ``network``; nothing is asked while ``stage`` measures; programs run in ``hosts``."""
        self._stage, self._hosts = stage, hosts
        self._canaries: dict[str, list[bytes]] = {}
        network.on(Tell, self._tell)
        network.on(Look, self._look)
        network.on(ReadPolicy, self._read_policy, needs_cloud=True)
        network.on(Release, self._release)
        network.on(Leave, self._leave)

    async def _tell(self, request: Tell, _context: Context) -> Told:
        async with self._stage.turn:
            tell = self._stage.running.ground.tell
            return Told(
                answer=await asyncio.to_thread(tell, request.host, request.word, request.arguments, request.named)
            )

    async def _look(self, request: Look, _context: Context) -> Differences:
        async with self._stage.turn:
            running = self._stage.running
            return Differences(lines=running.ground.host_differences(running.plan, request.host))

    async def _read_policy(self, request: ReadPolicy, _context: Context) -> PolicyRead:
        async with self._stage.turn:
            running = self._stage.running
            read = await running.inquiry.owner.policy(running.world.instance(request.instance))
            if not served(read):
                return PolicyRead(why=f"the owner cannot read it: {read.last.detail or read.signature.value}")
            return PolicyRead(policy=requests.policy_in(read))

    async def _release(self, _request: Release, _context: Context) -> Done:
        async with self._stage.turn:
            for host in self._stage.running.world.hosts:
                self._fly(self._stage.running, host)
        return Done()

    def _fly(self, running: Running, host: str) -> dict[str, str]:
        """Send a canary by each interface of ``host``; return why one could not, by point."""
        grounded = {}
        for nic in running.world.hosts[host].nics:
            token, point = secrets.token_bytes(16), f"{host}:{nic.name}"
            if why := running.ground.transmit(host, nic.name, canary(token)):
                grounded[point] = why
            else:
                self._canaries.setdefault(point, []).append(token)
        return grounded

    async def _leave(self, request: Leave, _context: Context) -> Left:
        async with self._stage.turn:
            running = self._stage.running
            if running.captures is None:
                return Left(blind="this lab captures nothing")
            host = running.world.host(request.host)
            alive = await self._alive(host.name)  # before the capture is read: what has ended has sent all it will
            grounded = self._fly(running, host.name)
            points = {f"{host.name}:{nic.name}": nic.plane is Plane.PUBLIC for nic in host.nics}
            private = {name for door in running.plan.doors if door.plane is Plane.PRIVATE for name in door.names}
            called = set(running.inquiry.called)
            apart = [flow for flow in running.prober.sent(host.name) if flow not in called]
            asked = Leaving(points=points, since=request.since, private_names=sorted(private), apart=apart)
            answer = await running.captures.ask(asked)
            blind, shown = "", []
            for point in points:
                sent, seen = self._canaries.get(point, []), answer.canaries.get(point, [])
                text, down = f"{len(seen)} of {len(sent)} canaries seen to leave", True
                if why := grounded.get(point):
                    down = running.ground.down(host.name, point.partition(":")[2])
                    text += f"; {'now nothing can' if down else 'now none can be sent'}: {why}"
                shown.append(Evidence(kind="canary", where=point, detail=text))
                if not sent or seen != sent or not down:
                    blind = blind or f"the capture is blind at {point}: {text}"
            if unwatched := sorted({*running.ground.links(host.name)} - {nic.name for nic in host.nics}):
                blind = blind or f"{host.name} has interfaces that nobody watches: {', '.join(unwatched)}"
            if answer.lost:
                blind = blind or f"{answer.lost} frames were lost to the capture: what it did not see proves nothing"
            if alive:
                text = f"{alive[0][:_SHOWN]} still runs" + (f", and {len(alive) - 1} more" if alive[1:] else "")
                blind = blind or f"{host.name}: {text}: what it sends from now on is not looked at; end it first"
            packets = [
                Evidence(kind="capture", where=seen.point, detail=f"{seen.count} x {seen.summary}")
                for seen in answer.seen
            ]
            count = sum(seen.count for seen in answer.seen)
            return Left(count=count, packets=tuple(packets), shown=tuple(shown), blind=blind)

    async def _alive(self, host: str) -> list[str]:
        """Return the command lines of programs that run on in a host, however they were started there."""
        where = self._hosts.namespaces_of(host)
        return await asyncio.to_thread(remaining, (where.network, where.mounts), _ENDING_S)
