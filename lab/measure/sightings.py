"""Sightings: what the filters of the lab saw, as events that name the place and the rule.

A filter that drops or marks a packet reports it (NFLOG); here the reports of all places come together
in one event loop, so that a denial is known when it happens and nobody waits for silence.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lab.kernel import nflog
from lab.measure.flow import Flow, flow_of

_KEPT: Final = 4096
_A_TURN, _TURNS = 256, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A filter saw a packet of ``flow`` at ``place`` (a node) and counted it under ``rule``.

    ``incoming`` is the index of the place's link by which it came in.
    """

    place: str
    rule: str
    flow: Flow
    incoming: int = 0


class Sightings:
    """Collects the reports of every watched place. Belongs to one event loop."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._count = self._lost_at = 0
        self._seen: deque[tuple[int, Sighting]] = deque(maxlen=_KEPT)
        self._places: dict[str, socket.socket] = {}
        self._waiting: list[tuple[Callable[[Sighting], bool], asyncio.Future[Sighting]]] = []

    def watch(self, place: str, reports: socket.socket) -> None:
        """Take in what ``reports`` (an NFLOG socket made in the node's namespace) says, from now on."""
        reports.setblocking(False)
        self._places[place] = reports
        asyncio.get_running_loop().add_reader(reports, self._read, place, reports)

    def drain(self) -> None:
        """Take in everything that has been reported up to now."""
        for place, reports in self._places.items():
            if not any(self._read(place, reports) for _ in range(_TURNS)):
                self.lose()  # more comes than can be taken: what was asked for may stand behind it

    def lose(self) -> None:
        """Note that reports were lost at this moment."""
        self._count += 1
        self._lost_at = self._count

    def lost(self, since: int) -> bool:
        """Return whether reports were lost, or had to make room, after ``since``: silence proves nothing then."""
        return self._lost_at > since

    def now(self) -> int:
        """Return the present moment, for ``since``: ports are used again, and an old flow's end is not a new one's."""
        self.drain()
        return self._count

    def of(self, flow: Flow, since: int) -> list[Sighting]:
        """Return what was seen of ``flow`` after the moment ``since``, in order."""
        return [seen for seen in self._after(since) if seen.flow == flow]

    async def next(self, flow: Flow, since: int, rules: Callable[[str], bool]) -> Sighting:
        """Return the first sighting of ``flow`` after ``since`` under a rule that ``rules`` accepts, or wait for it."""

        def wanted(seen: Sighting) -> bool:
            return seen.flow == flow and rules(seen.rule)

        for seen in self._after(since):
            if wanted(seen):
                return seen
        future: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            self._waiting.remove(entry)

    def close(self) -> None:
        """Stop listening at every place."""
        for reports in self._places.values():
            asyncio.get_running_loop().remove_reader(reports)
            reports.close()
        self._places.clear()

    def _after(self, since: int) -> list[Sighting]:
        """Return what was seen after the moment ``since``."""
        self.drain()
        return [seen for number, seen in self._seen if number > since]

    def _read(self, place: str, reports: socket.socket) -> bool:
        """Take in what waits, a turn's worth of it at most; return whether that was all."""
        for _ in range(_A_TURN):  # a flood must not keep the loop for itself
            try:
                data = reports.recv(1 << 18)
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lose()  # the kernel had more to say than there was room for
                continue
            for event in nflog.read(data):
                if (flow := flow_of(event.packet)) is not None:
                    self.take(Sighting(place=place, rule=event.prefix, flow=flow, incoming=event.incoming))
        return False

    def take(self, seen: Sighting) -> None:
        """Take in one sighting and tell whoever waits for it."""
        self._count += 1
        if len(self._seen) == _KEPT:
            self._lost_at = max(self._lost_at, self._seen[0][0])
        self._seen.append((self._count, seen))
        for wanted, future in self._waiting:
            if not future.done() and wanted(seen):
                future.set_result(seen)
