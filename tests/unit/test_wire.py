"""Messages and descriptors arrive as they were sent, ends are told apart from messages, and nothing leaks."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from lab import wire


class Letter(msgspec.Struct, frozen=True, tag="letter"):
    """A message with everything that travels."""

    text: str = ""
    body: bytes = b""
    address: IPv4Address = IPv4Address("0.0.0.0")
    network: IPv4Network | None = None
    table: MappingProxyType[str, IPv4Interface] = MappingProxyType({})


class Card(msgspec.Struct, frozen=True, tag="card"):
    """Another message, for unions."""

    number: int


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    left, right = wire.pair()
    with left, right:
        yield left, right


def open_files() -> int:
    """How many descriptors this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_message_arrives_as_it_was_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    """Bytes, addresses, networks and read-only mappings keep their types."""
    letter = Letter(
        text="grüße",
        body=b"\x00\xff",
        address=IPv4Address("166.9.0.10"),
        network=IPv4Network("166.9.0.0/16"),
        table=MappingProxyType({"eth0": IPv4Interface("10.0.0.2/26")}),
    )
    wire.send(ends[0], letter)
    message, fds = wire.recv(ends[1], Letter)
    assert message == letter
    assert fds == []


def test_a_union_tells_messages_apart_by_their_tag(ends: tuple[socket.socket, socket.socket]) -> None:
    """The receiver names every type it understands."""
    wire.send(ends[0], Card(7))
    message, _ = wire.recv(ends[1], Letter | Card)
    assert message == Card(7)


@pytest.mark.parametrize("size", [0, 65_000, 66_000, 3_000_000])
def test_size_does_not_matter(ends: tuple[socket.socket, socket.socket], size: int) -> None:
    """A large message travels in a memfd, of which nothing stays open."""
    before = open_files()
    wire.send(ends[0], Letter(text="x" * size))
    message, fds = wire.recv(ends[1], Letter)
    assert message == Letter(text="x" * size)
    assert fds == []
    assert before == open_files()


@pytest.mark.parametrize("size", [1, 100_000])
def test_descriptors_keep_their_order_and_are_not_inherited(
    ends: tuple[socket.socket, socket.socket], size: int
) -> None:
    """The first descriptor of the sender is the first of the receiver, close-on-exec, also beside a memfd."""
    pipes = [os.pipe() for _ in range(5)]
    wire.send(ends[0], Letter(text="x" * size), [write for _, write in pipes])
    _, fds = wire.recv(ends[1], Letter)
    for number, fd in enumerate(fds):
        assert not os.get_inheritable(fd)
        os.write(fd, b"%d" % number)
    assert [os.read(read, 9) for read, _ in pipes] == [b"0", b"1", b"2", b"3", b"4"]
    wire.close([*fds, *(fd for both in pipes for fd in both)])


def test_more_descriptors_than_fit_are_refused_by_name(ends: tuple[socket.socket, socket.socket]) -> None:
    """The kernel would only say EINVAL."""
    with pytest.raises(ValueError, match="at most 250"):
        wire.send(ends[0], Card(1), [0] * 251)


def test_the_end_is_none(ends: tuple[socket.socket, socket.socket]) -> None:
    """A closed peer reads as None, after what it sent before."""
    wire.send(ends[0], Card(1))
    ends[0].close()
    message, _ = wire.recv(ends[1], Card)
    assert message == Card(1)
    message, _ = wire.recv(ends[1], Card)
    assert message is None


def test_a_peer_that_left_messages_unread_has_ended_too(ends: tuple[socket.socket, socket.socket]) -> None:
    """The kernel says ECONNRESET then."""
    wire.send(ends[1], Card(1))
    ends[0].close()
    assert wire.recv(ends[1], Card) == (None, [])


def test_a_message_of_another_type_is_an_error_and_keeps_no_descriptor(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """What cannot be understood is said, never guessed."""
    before = open_files()
    wire.send(ends[0], Card(1), [0])
    with pytest.raises(msgspec.ValidationError):
        wire.recv(ends[1], Letter)
    assert before == open_files()


def test_a_value_that_cannot_travel_is_named() -> None:
    """Sending an object of ours that is no message is a mistake of the sender."""
    with pytest.raises(NotImplementedError, match="type"):
        wire.encode({"a": socket.socket})
    with pytest.raises((NotImplementedError, TypeError)):
        wire.encode(object())
