"""The capture process: keeps every frame at the watched points, and reads them with scapy when it is asked.

A process of its own, so that neither frames nor scapy's import stand in anybody's way: it takes frames from
its first moment and loads scapy meanwhile. It gets its sockets as descriptors and knows no namespace.
scapy's one home.
"""

from __future__ import annotations

import os
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
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lab import wire
from lab.kernel.tap import dropped, waiting
from lab.measure.flow import Flow, flow_of

if TYPE_CHECKING:
    from scapy.packet import Packet

ETHERNET_BYTES: Final = 14
_IPV4: Final = b"\x08\x00"
_KEPT_BYTES: Final = 64 << 20
_FRAME_COST: Final = 400  # what Python needs for a frame besides its bytes


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag="watch"):
    """Take frames at ``points`` (``node:interface``) from now on; a packet socket for each rides along."""

    points: list[str]


class Find(msgspec.Struct, frozen=True, kw_only=True, tag="find"):
    """Which frames belong to ``flow``, in its direction? Losses count from ``since`` (seconds since the epoch) on."""

    flow: Flow
    since: float = 0.0


class Save(msgspec.Struct, frozen=True, kw_only=True, tag="save"):
    """Write everything as pcapng to the descriptor that rides along, an interface for each point."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of a flow at one point: how many, when the first came (seconds since the epoch), scapy's summary of it."""

    point: str
    count: int
    first: float
    summary: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What was found, and at which points was looked; ``lost`` frames had no room, or made room for newer ones."""

    seen: list[Seen] = []
    points: list[str] = []
    frames: int = 0
    lost: int = 0


Question = Watch | Find | Save


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it passed a point."""

    at: float
    point: str
    data: bytes


_at: Final = attrgetter("at")
_A_TURN: Final = 4096
"""Frames of one tap that are taken at a time: a flood must not keep a question waiting."""


class Capture:
    """The newest frames of every point, as many as there is room for."""

    def __init__(self, *, room: int = _KEPT_BYTES) -> None:
        """Watch nothing yet; keep ``room`` bytes, Python's own included."""
        self._room, self._bytes = room, 0
        self._taps: dict[socket.socket, str] = {}
        self._kept: deque[tuple[Frame, Flow | None]] = deque()
        self._of: dict[Flow, deque[Frame]] = {}
        self._losses: deque[tuple[float, int]] = deque(maxlen=1024)  # what is older has long been told

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
        for at, data in islice(waiting(tap), _A_TURN):
            self._keep(Frame(at, self._taps[tap], data))
        if drops := dropped(tap):
            self._losses.append((time.time(), drops))

    def _keep(self, frame: Frame) -> None:
        flow = flow_of(frame.data[ETHERNET_BYTES:]) if frame.data[12:14] == _IPV4 else None
        self._kept.append((frame, flow))
        if flow is not None:
            self._of.setdefault(flow, deque()).append(frame)
        self._bytes += len(frame.data) + _FRAME_COST
        while self._bytes > self._room:
            oldest, whose = self._kept.popleft()
            self._bytes -= len(oldest.data) + _FRAME_COST
            self._losses.append((oldest.at, 1))
            if whose is not None:
                self._of[whose].popleft()
                if not self._of[whose]:
                    del self._of[whose]

    def lost(self, since: float = 0.0) -> int:
        """Return how many frames that passed after ``since`` are not kept."""
        return sum(count for when, count in self._losses if when >= since)

    def settle(self) -> None:
        """Take what waits in any tap."""
        for tap in self._taps:
            self.take(tap)

    def find(self, flow: Flow) -> list[Seen]:
        """Return where frames of ``flow`` were seen, in the order of the first one."""
        self.settle()
        found: dict[str, list[Frame]] = {}
        for frame in sorted(self._of.get(flow, ()), key=_at):
            found.setdefault(frame.point, []).append(frame)
        return [
            Seen(point=point, count=len(frames), first=frames[0].at, summary=dissect(frames[0].data).summary())
            for point, frames in found.items()
        ]

    def save(self, fd: int) -> None:
        """Write all frames as pcapng."""
        from scapy.utils import PcapNgWriter

        self.settle()
        with os.fdopen(os.dup(fd), "wb") as file:
            writer: Any = PcapNgWriter(file)
            for frame in self.frames:
                packet = dissect(frame.data)
                packet.time = frame.at
                packet.sniffed_on = frame.point
                writer.write(packet)
            writer.flush()


def dissect(frame: bytes) -> Packet:
    """Return an Ethernet frame as scapy reads it."""
    from scapy.layers.inet import IP  # noqa: F401 - importing it teaches scapy the layers above Ethernet
    from scapy.layers.l2 import Ether

    return Ether(frame)


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
                    loading.join()
                    seen = capture.find(question.flow)
                    lost = capture.lost(question.since)
                    wire.send(conversation, Answer(seen=seen, points=capture.points, lost=lost))
                case Save():
                    loading.join()
                    capture.save(fds[0])
                    wire.close(fds)
                    wire.send(conversation, Answer(frames=len(capture.frames), lost=capture.lost()))
