"""First packets: a report is a claim, the socket's own result wins, and a client sends again."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any, cast

import pytest

from lab.errors import ProbeFailed
from lab.measure import dialling
from lab.measure.dialling import Connected, Dialler
from lab.measure.flow import TCP, Flow
from lab.measure.observation import Attempt
from lab.measure.places import Places
from lab.measure.sightings import Sighting, Sightings

DOOR = IPv4Address("166.9.12.20")


class Packet:
    """A socket whose connection nobody answers until ``answer``; ``fate`` is what happens when it is sent."""

    def __init__(self, port: int, fate: Callable[[Packet], int | None]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._port, self._fate, self.closed = port, fate, False
        # full: not writable, as a socket that is not connected yet
        try:
            while True:
                self._ours.send(bytes(1 << 16))
        except BlockingIOError:
            pass

    @property
    def flow(self) -> Flow:
        """Its flow."""
        return Flow(
            protocol=TCP,
            source=IPv4Address("10.0.0.2"),
            source_port=self._port,
            destination=DOOR,
            destination_port=443,
        )

    def answer(self) -> None:
        """Make it connected."""
        try:
            while self._theirs.recv(1 << 16):
                pass
        except BlockingIOError:
            pass

    def connect_ex(self, _address: object) -> int:
        """Send the first packet."""
        return self._fate(self) or errno.EINPROGRESS

    def getsockname(self) -> tuple[str, int]:
        """Return the caller's end."""
        return "10.0.0.2", self._port

    def getsockopt(self, _level: int, _name: int) -> int:
        """Have no error."""
        return 0

    def fileno(self) -> int:
        """Return something to wait for."""
        return self._ours.fileno()

    def close(self) -> None:
        """Let go."""
        self.closed = True
        self._ours.close()
        self._theirs.close()


class Wire:
    """Packets whose fates are told in order, and the reports that filters make of them."""

    def __init__(self, *fates: str) -> None:
        self.sightings, self.packets, self._fates = Sightings(), [], list(fates)  # type: ignore[var-annotated]

    def open_socket(self, _node: str, _kind: socket.SocketKind) -> Any:
        """Return the next packet."""
        packet = Packet(40000 + len(self.packets), self._send)
        self.packets.append(packet)
        return packet

    def _send(self, packet: Packet) -> int | None:
        fate = self._fates[len(self.packets) - 1]
        for word in fate.split():
            if word.startswith("drop:"):
                self.sightings.take(Sighting(place="backbone", rule=word[5:], flow=packet.flow))
            elif word == "answer":
                packet.answer()
            elif word == "late":
                asyncio.get_running_loop().call_later(0.001, packet.answer)
            elif word == "refuse":
                return errno.ENETUNREACH
        return None

    def connect(self) -> Connected | Attempt:
        """Dial."""

        async def dial() -> Connected | Attempt:
            return await Dialler(cast("Places", self), self.sightings).connect("vsi-1", DOOR, 443)

        return asyncio.run(dial())


def test_two_packets_that_die_under_one_rule_are_a_denial() -> None:
    """Both flows are known, so that both can be looked for elsewhere; nothing stays open."""
    wire = Wire("drop:edge.no-vrf", "drop:edge.no-vrf")
    attempt = wire.connect()
    assert isinstance(attempt, Attempt)
    assert attempt.signature.value == "drop"
    assert attempt.flows == tuple(packet.flow for packet in wire.packets)
    assert all(packet.closed for packet in wire.packets)


@pytest.mark.parametrize("answer", ["answer", "late"])
def test_a_report_does_not_outweigh_the_sockets_own_result(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that reports and lets pass is found out by the client that gets through."""
    monkeypatch.setattr(dialling, "GRACE_S", 5.0)  # a busy machine is late by more than the answer
    wire = Wire(f"drop:edge.no-vrf {answer}", "drop:edge.no-vrf")
    connected = wire.connect()
    assert isinstance(connected, Connected)
    assert connected.flow == wire.packets[0].flow
    assert [packet.closed for packet in wire.packets[1:]] == [True] * (len(wire.packets) - 1)
    connected.socket.close()


def test_a_filter_of_first_packets_only_is_no_denial() -> None:
    """A client sends again; what the second packet meets is what the client sees in the end."""
    wire = Wire("drop:edge.no-vrf", "answer")
    connected = wire.connect()
    assert isinstance(connected, Connected)
    assert connected.flow == wire.packets[1].flow
    assert wire.packets[0].closed
    connected.socket.close()


def test_two_places_of_death_are_trouble_and_no_verdict() -> None:
    """One way has one place where its packets die."""
    with pytest.raises(ProbeFailed, match="died in two places: edge.no-vrf on backbone, edge.other on backbone"):
        Wire("drop:edge.no-vrf", "drop:edge.other").connect()


def test_a_silence_that_nobody_explains_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never "blocked"; and the report of an arrival explains no silence."""
    monkeypatch.setattr(dialling, "BUDGET_S", 0.01)
    with pytest.raises(ProbeFailed, match=r"no answer from 166.9.12.20:443 and no filter says why"):
        Wire("drop:door.private").connect()


def test_what_the_host_itself_refuses_was_not_sent() -> None:
    """There is no flow to look for."""
    attempt = Wire("refuse").connect()
    assert isinstance(attempt, Attempt)
    assert (attempt.signature.value, attempt.flows) == ("ENETUNREACH", ())
