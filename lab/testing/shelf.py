"""The shelf: one lab that a test left as it had found it, for the next test that wants one like it.

A test leaves none in which anything may have been changed: by a call that does more than look, a change, a program, a
word to a kernel that does not only read, or whatever was done past the fixture (``lab.running``); nor one in which an
assertion of the lab's failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.live.client import LiveLab
from lab.model.world import World
from lab.play.memory import Memory
from lab.play.runner import Backend, Mode


class Shelf:
    """Brings labs up and takes them down; at most one stands idle."""

    def __init__(self, mode: Mode, shared: Sequence[str]) -> None:
        """Hold none; ``shared`` are the folders that programs in hosts see."""
        self.mode, self._shared = mode, shared
        self._idle: tuple[World, Backend] | None = None

    def take(self, world: World) -> Backend:
        """Return a running backend of ``world``: the idle one if it is of an equal world, else a new one.

        Raises:
            EnvironmentProblem: This machine cannot run a lab.
            BringUpFailed: It broke.
        """
        if self._idle is not None and self._idle[0] == world:
            (_, running), self._idle = self._idle, None
            return running
        self.clear()
        if self.mode is not Mode.LIVE:
            return Memory(world).__enter__()
        lab = LiveLab(world, shared=self._shared).__enter__()
        try:
            lab.release_canaries()
        except BaseException:
            _end(lab)
            raise
        return lab

    def give_back(self, world: World, running: Backend, *, as_found: bool) -> None:
        """Keep ``running``, whose world is still ``world`` if it is ``as_found``; else take it down."""
        if as_found:
            self._idle = (world, running)
        else:
            _end(running)

    def clear(self) -> None:
        """Take the idle lab down, if there is one."""
        if self._idle is not None:
            (_, running), self._idle = self._idle, None
            _end(running)


def _end(running: Backend) -> None:
    running.__exit__(None, None, None)
