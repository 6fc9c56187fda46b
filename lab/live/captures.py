"""The network process's side of the capture process: started on demand, asked for what passed where."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from lab import wire
from lab.errors import ProbeFailed
from lab.measure.capture import Answer, Find, Question, Save, Watch
from lab.measure.flow import Flow
from lab.net.hosts import HOME

_START: Final = """
import os, sys
sys.path[:] = sys.argv.pop().split(os.pathsep)
from lab.live import guard
guard.install()
import setproctitle
setproctitle.setproctitle("pelab capture")
from lab.measure import capture
capture.main(int(sys.argv[1]))
"""
_BUDGET_S: Final = 20.0
_SAVING_S: Final = 300.0  # for as much as a capture keeps
_SILENT_S: Final = 0.1


class Captures:
    """A running capture. It ends with the lab."""

    def __init__(self, taps: Mapping[str, socket.socket]) -> None:
        """Start the process and hand it ``taps``, packet sockets by point, which it owns from then on."""
        self._ours, theirs = wire.pair()
        self._turn = asyncio.Lock()
        command = [sys.executable, "-I", "-c", _START, str(theirs.fileno()), os.pathsep.join(sys.path)]
        with theirs:
            # scapy keeps a cache at home: not its user's, which the lab must leave as it is
            home = {**os.environ, "HOME": str(HOME), "XDG_CACHE_HOME": str(HOME), "XDG_CONFIG_HOME": str(HOME)}
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=home)
        points = list(taps)
        for start in range(0, len(points), wire.MAX_DESCRIPTORS):
            some = points[start : start + wire.MAX_DESCRIPTORS]
            wire.send(self._ours, Watch(points=some), [taps[point].fileno() for point in some])
        self._owed = -(-len(points) // wire.MAX_DESCRIPTORS)
        for tap in taps.values():
            tap.close()
        self._silent = False
        self._ours.setblocking(False)

    async def find(self, flow: Flow, since: float, *, in_words: bool = True) -> Answer:
        """Return where frames of ``flow`` passed, in its direction, and what was lost after ``since``."""
        return await self.ask(Find(flow=flow, since=since, in_words=in_words))

    async def save(self, fd: int, *, since: float = 0.0) -> Answer:
        """Write what came after ``since`` (seconds since the epoch) as pcapng to ``fd``."""
        return await self.ask(Save(since=since), fd, budget_s=_SAVING_S)

    async def ask(self, question: Question, *fds: int, budget_s: float = _BUDGET_S) -> Answer:
        """Return the answer to ``question``; ProbeFailed if there is none in time.

        Who was silent to the last question is not waited for again, unless it speaks.
        """
        async with self._turn:
            if self._silent:
                budget_s = _SILENT_S
            try:
                async with asyncio.timeout(budget_s):
                    while self._owed:
                        await self._next()
                        self._owed -= 1
                    wire.send(self._ours, question, fds)
                    # should it come too late, it is nobody's answer
                    self._owed += 1
                    answer = await self._next()
                    self._owed -= 1
                    self._silent = False
                    return answer
            except TimeoutError as error:
                self._silent = True
                raise ProbeFailed(f"the capture process did not answer in {budget_s:g} s") from error
            except OSError as error:
                raise ProbeFailed(f"the capture process ended (status {self._process.poll()})") from error

    async def _next(self) -> Answer:
        loop = asyncio.get_running_loop()
        while True:
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(self._ours, _settle, readable)
            try:
                await readable
            finally:
                loop.remove_reader(self._ours)
            try:
                answer: Answer | None
                answer, _ = wire.recv(self._ours, Answer)
            except BlockingIOError:
                continue
            if answer is None:
                raise ProbeFailed(f"the capture process ended (status {self._process.poll()})")
            return answer


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
