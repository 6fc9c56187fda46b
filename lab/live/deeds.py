"""What everybody who has a lab can do with its world, whoever brought it up: call, change, and read a policy."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TypeVar

from lab.describe.checking import check_deed
from lab.live.protocol import Answer, Request
from lab.live.world import Act, Ask, Measured, PolicyRead, ReadPolicy
from lab.model.action import Action, apply
from lab.model.call import Call
from lab.model.outcome import Measurement, Outcome
from lab.model.plane import Surface
from lab.model.routes import RouteRefused
from lab.model.world import World

A = TypeVar("A", bound=Answer)


class Deeds(ABC):
    """Deeds in a lab of ``world``, which is what was described and changed here: what calls did only the lab knows."""

    mode = "live"

    def __init__(self, world: World) -> None:
        """Begin with ``world``."""
        self.world = world
        self._changing = threading.Lock()

    @abstractmethod
    def answer(self, request: Request, form: type[A]) -> A:
        """Return the lab's answer to ``request``."""

    def act(self, action: Action) -> Measurement:
        """Carry out a change that is no call, and read it back; ModelError if it cannot be.

        A route that a host's kernel will refuse is tried, and its refusal measured.
        """
        check_deed(action, asked=False)
        with suppress(RouteRefused):
            apply(self.world, action)
        measured = self.answer(Act.of(action), Measured).measurement
        if measured.outcome is Outcome.DONE:
            with self._changing, suppress(RouteRefused):  # threads may change a lab at once
                self.world = apply(self.world, action)
        return measured

    def ask(self, call: Call) -> Measurement:
        """Make a call and measure it; ModelError with the nearest name if its host or instance is unknown."""
        check_deed(call, asked=True)
        self.world.host(call.by, where="call/by")
        if call.surface is not Surface.IAM:  # a token is asked of no instance
            self.world.instance(call.instance, where="call/instance")
        return self.answer(Ask(call=call), Measured).measurement

    def policy(self, instance: str) -> PolicyRead:
        """Return the network access policy as the instance's owner reads it."""
        self.world.instance(instance)
        return self.answer(ReadPolicy(instance=instance), PolicyRead)
