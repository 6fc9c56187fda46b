"""The capture process: keeps every frame at the watched points, and reads them with scapy when it is asked.

A process of its own, so that neither frames nor scapy's import stand in anybody's way: it takes frames from
its first moment and loads scapy meanwhile. It gets its sockets as descriptors and knows no namespace.
scapy's one home.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from lab import wire
from lab.kernel.tap import dropped, waiting
from lab.measure.flow import Flow, flow_of
from lab.measure.leaving import public, token_in

if TYPE_CHECKING:
    from scapy.packet import Packet

ETHERNET_BYTES: Final = 14
_IPV4: Final = b"\x08\x00"
_KEPT_BYTES: Final = 64 << 20
_FRAME_COST: Final = 400  # what Python needs for a frame besides its bytes
_ETHERNET: Final = 1


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag="watch"):
    """Take frames at ``points`` (``node:interface``) from now on; a packet socket for each rides along."""

    points: list[str]


class Find(msgspec.Struct, frozen=True, kw_only=True, tag="find"):
    """Which frames belong to ``flow``, in its direction, from ``since`` (seconds since the epoch) on? So are losses.

    Not ``in_words``: without scapy's summaries, for which a young process would have to wait until scapy is loaded.
    """

    flow: Flow
    since: float = 0.0
    in_words: bool = True


class Save(msgspec.Struct, frozen=True, kw_only=True, tag="save"):
    """Write what came after ``since`` as pcapng to the descriptor that rides along, an interface for each point."""

    since: float = 0.0


class Leaving(msgspec.Struct, frozen=True, kw_only=True, tag="leaving"):
    """Which public packets have left by ``points`` (and whether each is a public NIC) after ``since``?

    The taps of these points are at the other ends of their links: what came in there has left.
    ``apart`` are flows that do not count: the lab's own. ``private_names`` are the names of private services.
    """

    points: dict[str, bool]
    since: float
    private_names: list[str]
    apart: list[Flow] = []


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of a flow at one point: how many, when the first came (seconds since the epoch), scapy's summary of it.

    ``sender`` and ``receiver`` are the link addresses that it bears.
    """

    point: str
    count: int
    first: float
    summary: str
    sender: str = ""
    receiver: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What was found, and at which points was looked; ``lost`` frames had no room, or made room for newer ones.

    ``problem`` says why nothing could be written, empty if it could. ``canaries`` are the tokens that were recognised
    as public packets, by point, in the order in which they left.
    """

    seen: list[Seen] = []
    points: list[str] = []
    frames: int = 0
    lost: int = 0
    problem: str = ""
    canaries: dict[str, list[bytes]] = {}


Question = Watch | Find | Save | Leaving


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it passed a point; ``outgoing`` where the tap stands at its sender."""

    at: float
    point: str
    data: bytes
    outgoing: bool = False


class _Record(bytes):
    """A frame with what scapy's writer looks for beside its bytes: it need not read a frame to write it."""

    def __new__(cls, frame: Frame) -> Self:
        """Take time and point from ``frame``."""
        made = super().__new__(cls, frame.data)
        made.time, made.sniffed_on = frame.at, frame.point
        return made

    time: float
    sniffed_on: str


_at: Final = attrgetter("at")
_A_TURN: Final = 4096
"""Frames of one tap that are taken at a time: more than have room in it, and a flood keeps no question waiting."""


class Capture:
    """The newest frames of every point, as many as there is room for."""

    def __init__(self, *, room: int = _KEPT_BYTES) -> None:
        """Watch nothing yet; keep ``room`` bytes, Python's own included."""
        self._room, self._bytes = room, 0
        self._taps: dict[socket.socket, str] = {}
        self._kept: deque[tuple[Frame, Flow | None]] = deque()
        self._of: dict[Flow, deque[Frame]] = {}
        self._drops: deque[tuple[float, int]] = deque(maxlen=1024)  # what is older has long been told
        self._let_go = 0.0  # when the newest of the frames passed that made room

    @property
    def frames(self) -> list[Frame]:
        """What is kept, in the order in which it passed."""
        return sorted((frame for frame, _ in self._kept), key=_at)

    @property
    def points(self) -> list[str]:
        """The watched points."""
        return list(self._taps.values())

    @property
    def taps(self) -> AbstractSet[socket.socket]:
        """What frames come from."""
        return self._taps.keys()

    def watch(self, points: Sequence[str], taps: Sequence[socket.socket]) -> None:
        """Take frames from ``taps`` too."""
        self._taps.update(zip(taps, points, strict=True))

    def take(self, tap: socket.socket) -> None:
        """Take the frames that wait in ``tap``, and note how many found no room in it."""
        for at, data, outgoing in islice(waiting(tap), _A_TURN):
            self._keep(Frame(at, self._taps[tap], data, outgoing))
        if drops := dropped(tap):
            self._drops.append((time.time(), drops))

    def _keep(self, frame: Frame) -> None:
        flow = _flow(frame)
        self._kept.append((frame, flow))
        if flow is not None:
            self._of.setdefault(flow, deque()).append(frame)
        self._bytes += len(frame.data) + _FRAME_COST
        while self._bytes > self._room:
            oldest, whose = self._kept.popleft()
            self._bytes -= len(oldest.data) + _FRAME_COST
            self._let_go = max(self._let_go, oldest.at)
            if whose is not None:
                self._of[whose].popleft()
                if not self._of[whose]:
                    del self._of[whose]

    def lost(self, since: float = 0.0) -> int:
        """Return how many frames that passed after ``since`` are not kept; of those that made room at least one."""
        return sum(count for when, count in self._drops if when >= since) + (self._let_go > since)

    def settle(self) -> None:
        """Take what waits in any tap."""
        for tap in self._taps:
            self.take(tap)

    def find(self, flow: Flow, *, since: float = 0.0, in_words: bool = True) -> list[Seen]:
        """Return where frames of ``flow`` were seen after ``since``, in the order of the first one.

        Ports come round again: an earlier connection of the same ends is another one.
        """
        self.settle()
        found: dict[str, list[Frame]] = {}
        for frame in sorted((frame for frame in self._of.get(flow, ()) if frame.at >= since), key=_at):
            found.setdefault(frame.point, []).append(frame)
        return [_seen(point, frames, in_words=in_words) for point, frames in found.items()]

    def leaving(self, asked: Leaving) -> Answer:
        """Return the public packets that left, like ones together, and the canaries that were recognised as such."""
        self.settle()
        canaries: dict[str, list[bytes]] = {}
        found: dict[tuple[str, str], list[Frame]] = {}
        names, apart = frozenset(asked.private_names), frozenset(asked.apart)
        for frame in self.frames:
            if frame.outgoing or frame.point not in asked.points:
                continue
            why = public(frame.data, by_public_nic=asked.points[frame.point], private_names=names)
            if why and (token := token_in(frame.data)):
                canaries.setdefault(frame.point, []).append(token)
            elif why and frame.at >= asked.since and _flow(frame) not in apart:
                found.setdefault((frame.point, why), []).append(frame)
        seen = [_seen(point, frames, f"{why}: ") for (point, why), frames in found.items()]
        return Answer(seen=seen, points=self.points, lost=self.lost(asked.since), canaries=canaries)

    def save(self, fd: int, since: float) -> int:
        """Write the frames after ``since`` as pcapng, and return how many there are."""
        from scapy.utils import PcapNgWriter

        self.settle()
        kept = [frame for frame in self.frames if frame.at >= since]
        # scapy opens files by name
        writer: Any = PcapNgWriter(f"/proc/self/fd/{fd}")
        writer.linktype = _ETHERNET
        with contextlib.closing(writer):
            writer.write_header(None)  # a file without frames is one too
            for frame in kept:
                writer.write(_Record(frame))
        return len(kept)


def _flow(frame: Frame) -> Flow | None:
    return flow_of(frame.data[ETHERNET_BYTES:]) if frame.data[12:14] == _IPV4 else None


def _seen(point: str, frames: Sequence[Frame], why: str = "", *, in_words: bool = True) -> Seen:
    """Return what is told of like frames: how many, when the first came, and what it is."""
    first = frames[0].data
    return Seen(
        point=point,
        count=len(frames),
        first=frames[0].at,
        summary=why + dissect(first).summary() if in_words else "",
        sender=first[6:12].hex(":"),
        receiver=first[:6].hex(":"),
    )


def dissect(frame: bytes) -> Packet:
    """Return an Ethernet frame as scapy reads it."""
    from scapy.layers.inet import IP  # noqa: F401 - importing it teaches scapy the layers above Ethernet
    from scapy.layers.l2 import Ether

    return Ether(frame)


def _saved(capture: Capture, fds: Sequence[int], since: float) -> Answer:
    """Write a capture to the descriptor; a full disk is its owner's, and no end of the capture."""
    try:
        return Answer(frames=capture.save(fds[0], since), lost=capture.lost(since))
    except OSError as error:
        return Answer(problem=error.strerror or str(error))
    finally:
        wire.close(fds)


def _load() -> None:
    """Import what ``dissect`` needs while frames are already being taken."""
    dissect(bytes(ETHERNET_BYTES))


def main(control: int) -> None:
    """Be the capture process until the other end of ``control`` closes."""
    conversation, capture = wire.adopt(control), Capture()
    loading = threading.Thread(target=_load, daemon=True)
    loading.start()
    with selectors.DefaultSelector() as selector:
        selector.register(conversation, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            for tap in capture.taps & set(ready):
                capture.take(tap)
            if conversation not in ready:
                continue
            received, fds = wire.recv(conversation, Question)
            if received is None:
                return
            question: Question = received
            match question:
                case Watch():
                    taps = [socket.socket(fileno=fd) for fd in fds]
                    capture.watch(question.points, taps)
                    for tap in taps:
                        selector.register(tap, selectors.EVENT_READ)
                    wire.send(conversation, Answer(points=capture.points))
                case Find():
                    if question.in_words:
                        loading.join()
                    seen = capture.find(question.flow, since=question.since, in_words=question.in_words)
                    lost = capture.lost(question.since)
                    wire.send(conversation, Answer(seen=seen, points=capture.points, lost=lost))
                case Save():
                    loading.join()
                    wire.send(conversation, _saved(capture, fds, question.since))
                case Leaving():
                    loading.join()
                    wire.send(conversation, capture.leaving(question))
