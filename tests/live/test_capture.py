"""The capture keeps every frame with the kernel's own time, or says how many it lost."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from lab import wire
from lab.errors import ProbeFailed
from lab.kernel import messages, netlink
from lab.kernel.tap import open_tap
from lab.live.captures import Captures
from lab.measure import capture
from lab.measure.capture import Answer, Capture, Find, Watch
from lab.measure.flow import UDP, Flow
from tests.live.crowded import crowd
from tests.live.waiting import stop

Run = Callable[..., Any]

SENT = 300
HOME = IPv4Address("127.0.0.1")
LATE_S = 0.2


def talk(count: int) -> Flow:
    """Send datagrams over the loopback and return their flow."""
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        for _ in range(count):
            one.sendto(b"x" * 100, other.getsockname())
        return Flow(
            protocol=UDP,
            source=HOME,
            source_port=one.getsockname()[1],
            destination=HOME,
            destination_port=other.getsockname()[1],
        )


def tapped(room: int) -> socket.socket:
    """Raise the loopback and return a tap of it."""
    netlink.batch(netlink.open_socket(), [messages.link_up(1)])
    return open_tap("lo", room=room)


def taken(room: int) -> list[float]:
    """Return how many frames are kept and lost, and by how many seconds the latest came before they were fetched."""
    tap, kept = tapped(room), Capture()
    kept.watch(["host:lo"], [tap])
    talk(SENT)
    later = time.time() + LATE_S
    select.select([], [], [], LATE_S)  # nobody comes to fetch them
    kept.settle()
    return [len(kept.frames), kept.lost(), later - kept.frames[-1].at]


def test_a_frame_bears_the_moment_at_which_it_passed(sandboxed: Run) -> None:
    """It is not the moment at which somebody came to fetch it. The loopback shows each frame going and coming."""
    kept, lost, before = sandboxed(taken, 1 << 20)
    assert (kept, lost) == (2 * SENT, 0)
    assert LATE_S / 2 < before < LATE_S + 1


def over_a_break() -> list[int]:
    """Return how many frames were kept before, and after the link had been down and up again."""
    tap, kept, opened = tapped(1 << 20), Capture(), netlink.open_socket()
    kept.watch(["host:lo"], [tap])
    talk(1)
    kept.settle()
    before = len(kept.frames)
    for message in (messages.link_down(1), messages.link_up(1)):
        netlink.batch(opened, [message])
    talk(1)
    kept.settle()
    return [before, len(kept.frames)]


def test_a_link_that_goes_down_does_not_end_the_capture(sandboxed: Run) -> None:
    """It is told once, as an error of the tap; what passes when the link is up again is seen."""
    before, after = sandboxed(over_a_break)
    assert 0 < before < after


def test_frames_without_room_are_counted_as_lost(sandboxed: Run) -> None:
    """What the capture did not keep proves nothing, so it must say that there was something."""
    kept, lost, _ = sandboxed(taken, 4096)
    assert lost > 0
    assert kept + lost == 2 * SENT


def flooded() -> list[Any]:
    """Let old frames make room for new ones; return what is found of both, and what is lost since before and after."""
    tap, kept = tapped(1 << 22), Capture(room=600 * SENT)
    kept.watch(["host:lo"], [tap])
    began = time.time()
    old = talk(1)
    kept.settle()
    talk(SENT)
    kept.settle()
    later = time.time()
    new = talk(2)
    found = [[seen.count for seen in kept.find(flow)] for flow in (old, new)]
    return [*found, kept.lost(began) > 0, kept.lost(later)]


def test_old_frames_make_room_for_new_ones(sandboxed: Run) -> None:
    """A busy lab goes on proving: what is lost is the oldest, and counts only for what began before it passed."""
    assert sandboxed(flooded) == [[], [4], True, 0]


def conversation(open_files: int) -> list[Any]:
    """Have a capture process watch, and ask it about a flow."""
    crowd(open_files)
    ours, theirs = wire.pair()
    thread = threading.Thread(target=capture.main, args=[theirs.detach()], daemon=True)
    thread.start()
    with ours, tapped(1 << 20) as tap:
        wire.send(ours, Watch(points=["host:lo"]), [tap.fileno()])
        watched, _ = wire.recv(ours, Answer)
        wire.send(ours, Find(flow=talk(3)))
        found, _ = wire.recv(ours, Answer)
    thread.join(5)
    assert watched is not None
    assert found is not None
    return [watched.points, [(seen.point, seen.count) for seen in found.seen], found.lost, thread.is_alive()]


@pytest.mark.parametrize("open_files", [0, 1100])
def test_the_number_of_open_files_does_not_matter(sandboxed: Run, open_files: int) -> None:
    """A lab of some hundred hosts has more points than ``select`` can wait for."""
    assert sandboxed(conversation, open_files) == [["host:lo"], [["host:lo", 6]], 0, False]


def asked_of_the_process(room: int) -> list[int]:
    """Return how many frames the capture process says were lost to a tap of this room, and how many it found."""

    async def asked() -> list[int]:
        captures = Captures({"host:lo": tapped(room)})
        await captures.find(Flow(protocol=UDP, source=HOME, source_port=1, destination=HOME, destination_port=1), 0.0)
        stop(captures._process.pid)  # nobody comes to fetch them
        flow = talk(SENT)
        os.kill(captures._process.pid, signal.SIGCONT)
        answer = await captures.find(flow, 0.0)
        return [answer.lost, sum(seen.count for seen in answer.seen)]

    return asyncio.run(asked())


def test_whoever_asks_the_process_is_told_of_losses(sandboxed: Run) -> None:
    """An answer of frames that were found says how many were not."""
    lost, found = sandboxed(asked_of_the_process, 4096)
    assert lost > 0
    assert found < 2 * SENT
    assert sandboxed(asked_of_the_process, 1 << 20) == [0, 2 * SENT]


def silent() -> list[Any]:
    """Stop the capture process under a question, and then another; return what is said, how long it took, and after."""

    async def asked() -> list[Any]:
        captures = Captures({"host:lo": tapped(1 << 20)})
        question = Find(flow=talk(1), in_words=False)
        assert len((await captures.ask(question)).seen) == 1
        stop(captures._process.pid)
        said = []
        began = time.monotonic()
        for budget_s in (0.3, 20):
            try:
                await captures.ask(question, budget_s=budget_s)
            except ProbeFailed as error:
                said.append(str(error))
        took = time.monotonic() - began
        os.kill(captures._process.pid, signal.SIGCONT)
        async with asyncio.timeout(20):
            while True:  # it answers what it owes first
                try:
                    return [said, took, len((await captures.ask(question)).seen)]
                except ProbeFailed:
                    continue

    return asyncio.run(asked())


def test_a_silent_capture_is_waited_for_once(sandboxed: Run) -> None:
    """A stopped process costs one budget, not one for each call; when it goes on, it is asked again."""
    said, took, after = sandboxed(silent)
    assert said == [f"the capture process did not answer in {budget} s" for budget in ("0.3", "0.1")]
    assert took < 10
    assert after == 1
