"""A lab that is up already, as the runner has it: nobody else rehearses on it meanwhile, and it stays afterwards."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from lab.errors import LiveError, ModelError, Problem
from lab.live.attached import Attached
from lab.live.deeds import Deeds
from lab.live.protocol import Answer, Done, Request
from lab.live.world import Reserve
from lab.model.world import World

A = TypeVar("A", bound=Answer)


class Guest(Deeds):
    """A rehearsal on a lab that somebody keeps.

    Entered, it is reserved for this conversation; ``vrf_backend`` is the lab's.
    """

    def __init__(self, lab: Attached, world: World, *, anew: str = "") -> None:
        """Take the world in which the rehearsal begins.

        Args:
            lab: The conversation, whose end ends the reservation.
            world: What it must be.
            anew: The commands that bring up a lab in which it can begin; empty where it may begin in any state.
        """
        super().__init__(world)
        self._lab, self._anew = lab, anew
        self.vrf_backend: str | None = None

    def answer(self, request: Request, form: type[A]) -> A:
        """Return the lab's answer."""
        return self._lab.channel.ask(request, form)

    def __enter__(self) -> Self:
        """Reserve the lab.

        Raises:
            ModelError: Somebody else rehearses on it, or it is not in the state in which the rehearsal begins.
            LiveError: It answers no calls any more.
        """
        self.vrf_backend = self._lab.inspect().vrf_backend
        self.answer(Reserve(), Done)
        if self._anew:
            try:
                self._begin()
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lab back as it is."""
        with suppress(LiveError):  # it has ended: whoever asks it next is told
            self.answer(Reserve(ended=True), Done)

    def _begin(self) -> None:
        found, where = self._lab.compare(), f"lab {self._lab.entry.name}"
        if found.first != self.world:
            text = "it is of another topology, or has other parameters, than the scenario begins with"
            raise ModelError(Problem(where=where, text=text, hint=self._anew))
        if found.lines:
            more = f", and {len(found.lines) - 1} more" if len(found.lines) > 1 else ""
            text = f"it is not in its first state any more: {found.lines[0]}{more}"
            raise ModelError(Problem(where=where, text=text, hint=self._anew))


def present(lab: Attached) -> tuple[World, list[str]]:
    """Return the world of a lab as it is now, policies as their owners read them; and what programs made another."""
    guest = Guest(lab, lab.inspect().world)
    for name, instance in guest.world.instances.items():
        read = guest.policy(name)
        if not read.why:
            guest.world = guest.world.with_instance(replace(instance, policy=read.policy))
    return guest.world, lab.compare().beyond
