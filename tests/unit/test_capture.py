"""What the capture lost is told to whoever began before it was lost, whatever had to make room since."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import cast

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet import TCP as SCAPY_TCP
from scapy.layers.l2 import Ether

from lab.measure import capture
from lab.measure.capture import Capture
from lab.measure.flow import TCP, Flow


class Tap:
    """A tap of which is told what waits in it, and how many frames found no room there."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, bytes, bool]] = []
        self.drops = 0


def waiting(tap: Tap) -> Iterator[tuple[float, bytes, bool]]:
    """Give what waits, once."""
    while tap.frames:
        yield tap.frames.pop(0)


def dropped(tap: Tap) -> int:
    """Give the drops, once."""
    drops, tap.drops = tap.drops, 0
    return drops


@pytest.fixture
def tapped(monkeypatch: pytest.MonkeyPatch) -> tuple[Capture, Tap]:
    """Return a capture with room for two thousand frames, and its tap."""
    monkeypatch.setattr(capture, "waiting", waiting)
    monkeypatch.setattr(capture, "dropped", dropped)
    kept, tap = Capture(room=2000 * 500), Tap()
    kept.watch(["host:eth0"], [cast("socket.socket", tap)])
    return kept, tap


def fill(kept: Capture, tap: Tap, began: float, count: int) -> None:
    """Let frames of a hundred bytes pass, a millisecond apart."""
    tap.frames = [(began + number / 1000, bytes(100), True) for number in range(count)]
    kept.settle()


def test_a_drop_is_told_however_many_old_frames_made_room_since(tapped: tuple[Capture, Tap]) -> None:
    """A busy lab lets thousands of old frames go; that a new one was never seen must not go with them."""
    kept, tap = tapped
    fill(kept, tap, 1000.0, 2000)
    tap.drops = 3
    kept.settle()  # the moment of these is now, long after the frames that are kept
    fill(kept, tap, 2000.0, 1500)
    assert kept.lost(3000.0) == 3


def test_frames_that_made_room_count_for_what_began_before_they_passed(tapped: tuple[Capture, Tap]) -> None:
    """Whoever began later has lost nothing by it."""
    kept, tap = tapped
    fill(kept, tap, 1000.0, 2500)
    assert kept.lost(1000.2) > 0
    assert kept.lost(1000.6) == 0


def test_an_earlier_connection_of_the_same_ports_is_another_one(tapped: tuple[Capture, Tap]) -> None:
    """Ports come round again: who asks about an attempt is not told of frames from before it."""
    kept, tap = tapped
    ends = {"source": IPv4Address("10.65.0.66"), "destination": IPv4Address("166.9.12.20")}
    flow = Flow(protocol=TCP, source_port=40000, destination_port=9042, **ends)
    syn = bytes(Ether() / IP(src="10.65.0.66", dst="166.9.12.20") / SCAPY_TCP(sport=40000, dport=9042))
    tap.frames = [(100.0, syn, True), (200.0, syn, True), (201.0, syn, True)]
    assert [seen.count for seen in kept.find(flow)] == [3]
    assert [seen.count for seen in kept.find(flow, since=150.0)] == [2]
    assert kept.find(flow, since=300.0) == []


def test_what_nobody_reads_is_not_put_in_words(tapped: tuple[Capture, Tap], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where frames passed, and which nodes' links they bear, is told without scapy, which takes its time to load."""
    kept, tap = tapped
    flow = Flow(
        protocol=TCP, source=IPv4Address("10.65.0.66"), source_port=40000,
        destination=IPv4Address("166.9.12.20"), destination_port=9042,
    )  # fmt: skip
    links = Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:0b")
    tap.frames = [
        (1.0, bytes(links / IP(src="10.65.0.66", dst="166.9.12.20") / SCAPY_TCP(sport=40000, dport=9042)), True)
    ]
    (worded,) = kept.find(flow)
    assert (worded.sender, worded.receiver, "TCP" in worded.summary) == ("02:00:00:00:00:0a", "02:00:00:00:00:0b", True)
    monkeypatch.setattr(capture, "dissect", lambda _frame: pytest.fail("scapy was asked"))
    (plain,) = kept.find(flow, in_words=False)
    assert (plain.sender, plain.receiver, plain.count, plain.summary) == (worded.sender, worded.receiver, 1, "")
