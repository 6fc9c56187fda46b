"""What a lab can be asked about its world: bring it up, change it, make a call and measure it, break it.

Requests only; who answers them is ``lab.live.stage`` and ``lab.live.sabotage``.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from lab import wire
from lab.errors import LiveError
from lab.live.protocol import Answer, Request
from lab.model.action import Action
from lab.model.call import Call
from lab.model.outcome import Measurement
from lab.model.world import World

_ACTIONS: Final = {cls.__name__: cls for cls in get_args(Action)}


class Up(Request, frozen=True, kw_only=True):
    """Bring ``world`` up, and with ``capture`` keep every frame of its hosts and of the way to the services.

    The rest is for tests that break a lab at every operation of its bring-up: ``hang_at`` has the network process
    tell (``Notice`` of kind ``held``) and do nothing any more before that operation, ``stop_after`` has it fail.
    """

    world: World
    capture: bool = True
    hang_at: int | None = None
    stop_after: int | None = None
    batch_size: int | None = None


class Standing(Answer, frozen=True, kw_only=True):
    """It stands: which kind of routing table keeps accounts apart, where the time went, the lab's authority."""

    vrf_backend: str
    marks: dict[str, float]
    authority: str
    operations: int


class Act(Request, frozen=True, kw_only=True):
    """Carry out the action of class ``kind`` (a name in ``lab.model.action``)."""

    kind: str
    action: msgspec.Raw

    @classmethod
    def of(cls, action: Action) -> Act:
        """Return the request for ``action``."""
        return cls(kind=type(action).__name__, action=msgspec.Raw(wire.encode(action)))

    def read(self) -> Action:
        """Return the action; LiveError if this lab knows none of its kind."""
        form: Any = _ACTIONS.get(self.kind)
        if form is None:
            raise LiveError(f"this lab knows no action {self.kind!r}: was it started by another version?")
        action: Action = wire.decode(bytes(self.action), form)
        return action


class Ask(Request, frozen=True, kw_only=True):
    """Make ``call`` and measure it."""

    call: Call


class Measured(Answer, frozen=True, kw_only=True):
    """What was seen."""

    measurement: Measurement


class Sabotage(Request, frozen=True, kw_only=True):
    """Break what ``name`` says, one of ``lab.live.sabotage.FAULTS``.

    ``target`` is the name of an account, a door or a surface, where one is needed.
    """

    name: str
    target: str = ""
