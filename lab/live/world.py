"""What a lab can be asked about its world: bring it up, change it, make a call and measure it, look into it, break it.

Requests only; who answers them is ``lab.live.stage``, ``lab.live.lookout`` and ``lab.live.sabotage``.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from lab import wire
from lab.errors import LiveError
from lab.live.protocol import Answer, Request
from lab.model.action import Action
from lab.model.call import Call
from lab.model.outcome import Evidence, Measurement
from lab.model.plane import Policy
from lab.model.world import World

KERNEL_WORDS: Final = (
    "addr", "brport", "fdb", "flush_addr", "flush_routes", "flush_rules", "get_addr", "get_default_routes", "get_links",
    "get_neighbours", "get_qdiscs", "get_routes", "get_rules", "link", "link_lookup", "neigh", "route", "rule", "stats",
    "tc", "vlan_filter",
)  # fmt: skip
"""The words of pyroute2's ``IPRoute`` that are about a kernel, and not about the socket to it."""
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


class Tell(Request, frozen=True, kw_only=True):
    """Say ``word(*arguments, **named)`` of pyroute2's ``IPRoute`` to the kernel of ``host``."""

    host: str
    word: str
    arguments: list[Any]
    named: dict[str, Any]


class Told(Answer, frozen=True, kw_only=True):
    """What the kernel answered, as plain data."""

    answer: Any = None


class Look(Request, frozen=True, kw_only=True):
    """How does the kernel of ``host`` differ from what was described and changed?"""

    host: str


class Differences(Answer, frozen=True, kw_only=True):
    """A line for each difference."""

    lines: list[str]


class ReadPolicy(Request, frozen=True, kw_only=True):
    """Which network access policy does the owner of ``instance`` read?"""

    instance: str


class PolicyRead(Answer, frozen=True, kw_only=True):
    """``policy`` None: never set; ``why`` says why it could not be read."""

    policy: Policy | None = None
    why: str = ""


class Release(Request, frozen=True, kw_only=True):
    """Send a canary by every interface of every host, so that the capture can be shown to have seen from here on."""


class Leave(Request, frozen=True, kw_only=True):
    """Which public packets have left ``host`` after ``since`` (seconds since the epoch)?"""

    host: str
    since: float


class Left(Answer, frozen=True, kw_only=True):
    """What left (``count`` packets), and what shows that the capture sees; ``blind``: why nothing can be concluded."""

    count: int = 0
    packets: tuple[Evidence, ...] = ()
    shown: tuple[Evidence, ...] = ()
    blind: str = ""


class Sabotage(Request, frozen=True, kw_only=True):
    """Break what ``name`` says, one of ``lab.live.sabotage.FAULTS``.

    ``target`` is the name of an account, a door or a surface, where one is needed.
    """

    name: str
    target: str = ""


class Inspect(Request, frozen=True, kw_only=True):
    """What is up, and who is in it?"""


class State(Answer, frozen=True, kw_only=True):
    """The world as the lab's operator knows it: what programs in hosts changed, only they know.

    ``trouble`` says why the lab answers no calls any more, empty if it does; ``services`` whether the cloud process is
    there; ``programs`` are host and arguments of each program that a client started; ``clients`` counts the keeper and
    whoever asks.
    """

    world: World
    vrf_backend: str
    trouble: str
    services: bool
    captured: bool
    programs: list[tuple[str, list[str]]]
    clients: int


class Compare(Request, frozen=True, kw_only=True):
    """How does what is up differ from what was brought up?"""


class Compared(Answer, frozen=True, kw_only=True):
    """The world in the beginning, and a line for each difference that anybody made since: none, and it is as it was.

    ``beyond`` are those of them that programs made in hosts, of which the world as it is now says nothing.
    """

    first: World
    lines: list[str]
    beyond: list[str]


class Reserve(Request, frozen=True, kw_only=True):
    """Have nobody else rehearse until this client ends, or says ``ended``."""

    ended: bool = False


class SaveFrames(Request, frozen=True, kw_only=True):
    """Write the frames after ``since`` (seconds since the epoch) as pcapng. Descriptor: the file."""

    since: float = 0.0


class Saved(Answer, frozen=True, kw_only=True):
    """They are written; ``lost`` were not kept for want of room."""

    frames: int
    lost: int
