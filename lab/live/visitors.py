"""Answers what is asked of a lab that stays, by people who did not bring it up: what it is, and what it captured."""

from __future__ import annotations

from lab.connection import Connection
from lab.errors import EnvironmentProblem, LiveError, ModelError, Problem
from lab.live import firststate
from lab.live.exec import Programs
from lab.live.network import Context, Network
from lab.live.protocol import Done
from lab.live.stage import Stage
from lab.live.world import Compare, Compared, Inspect, Reserve, Saved, SaveFrames, State


class Visitors:
    """Answers ``Inspect``, ``Compare``, ``Reserve`` and ``SaveFrames``."""

    def __init__(self, network: Network, stage: Stage, programs: Programs) -> None:
        """Register with ``network``."""
        self._network, self._stage, self._programs = network, stage, programs
        network.on(Inspect, self._inspect)
        network.on(SaveFrames, self._save)
        network.on(Compare, self._compare)
        network.on(Reserve, self._reserve)
        self._holder: Connection | None = None

    async def _inspect(self, _request: Inspect, _context: Context) -> State:
        up = self._stage.up
        return State(
            world=up.world,
            vrf_backend=up.ground.vrf_backend,
            trouble=self._stage.broken,
            services=self._network.cloud.alive,
            captured=up.captures is not None,
            programs=self._programs.running(),
            clients=self._network.clients,
        )

    async def _compare(self, _request: Compare, _context: Context) -> Compared:
        async with self._stage.turn:
            up = self._stage.running
            beyond = up.beyond()
            return Compared(first=up.first, lines=[*firststate.changed(up.first, up.world), *beyond], beyond=beyond)

    async def _reserve(self, request: Reserve, context: Context) -> Done:
        """Two rehearsals at once would measure each other's changes."""
        mine = self._holder is context.connection
        if self._holder is not None and self._holder.open and not mine:
            hint = "wait for its end, or bring up another: pelab up -d"
            raise ModelError(Problem(where="this lab", text="another command rehearses on it", hint=hint))
        self._holder = None if request.ended else context.connection
        return Done()

    async def _save(self, request: SaveFrames, context: Context) -> Saved:
        context.need(1)
        if (captures := self._stage.up.captures) is None:
            raise LiveError("this lab captures nothing")
        answer = await captures.save(context.fds[0], since=request.since)
        if answer.problem:
            raise EnvironmentProblem(answer.problem, fix="free some space, or name another file")
        return Saved(frames=answer.frames, lost=answer.lost)
