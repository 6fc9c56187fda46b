"""Batches are numbered and judged, templates repeat what a class encoded, without a kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from lab.kernel import messages, netlink


def _message(kind: int, body: bytes = b"", flags: int = 1) -> bytes:
    """Return a netlink message."""
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _answer(sequence: int, code: int, text: str = "") -> bytes:
    """Return what the kernel answers to message ``sequence``: an error, or with ``code`` 0 an acknowledgement."""
    echoed = _message(16, b"four")
    words = netlink.attribute(1, text.encode() + b"\0") if text else b""
    body = struct.pack("=i", -code) + echoed + words
    flags = 0x200 if text else 0
    return struct.pack("=IHHII", 16 + len(body), netlink.ERROR, flags, sequence, 0) + body


Ends = tuple[netlink.NetlinkSocket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return the end that the code under test writes to, and the kernel's."""
    pair, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with netlink.NetlinkSocket(fileno=pair.detach()) as ours, kernels:
        yield ours, kernels


def test_messages_are_numbered_and_only_the_last_wants_an_answer() -> None:
    """Numbers count from 1, so that the place of a refused message is known."""
    datagram = netlink.number([_message(16), _message(20, b"abcd"), _message(24)])
    seen = [(kind, flags, sequence) for kind, flags, sequence, _ in netlink.split(datagram)]
    assert seen == [(16, 1, 1), (20, 1, 2), (24, 1 | netlink.ACK, 3)]


def test_first_refusal_is_raised_with_its_place_and_words(ends: Ends) -> None:
    """Later refusals are consequences."""
    ours, kernels = ends
    kernels.send(_answer(2, errno.EEXIST) + _answer(3, errno.ENODEV, "no such link"))
    kernels.send(_answer(4, 0))
    with pytest.raises(netlink.NetlinkError) as refused:
        netlink.batch(ours, [_message(16)] * 4)
    assert (refused.value.errno, refused.value.strerror, refused.value.index) == (
        errno.EEXIST,
        os.strerror(errno.EEXIST),
        1,
    )


def test_kernels_words_are_taken_where_it_has_any(ends: Ends) -> None:
    """They stand behind the refused message, which is echoed."""
    ours, kernels = ends
    kernels.send(_answer(1, errno.EINVAL, "Nexthop has invalid gateway"))
    with pytest.raises(netlink.NetlinkError, match="Nexthop has invalid gateway"):
        netlink.batch(ours, [_message(24)])


def test_refused_frame_ends_a_transaction(ends: Ends) -> None:
    """When the frame is refused (no right to it), no message is answered."""
    ours, kernels = ends
    kernels.send(_answer(0, errno.EPERM))
    with pytest.raises(netlink.NetlinkError) as refused:
        netlink.batch(ours, [_message(16)] * 3, _message(0x10), _message(0x11))
    assert refused.value.errno == errno.EPERM


def test_lost_answer_is_an_error(ends: Ends) -> None:
    """Silence is not success."""
    with pytest.raises(netlink.NetlinkError, match="lost"):
        netlink.batch(ends[0], [_message(16)])


def test_what_an_interrupted_question_left_is_nobodys_answer(ends: Ends) -> None:
    """Ctrl-C on the command line, between a question and its answer, used to shift every later answer by one."""
    ours, kernels = ends
    kernels.send(_message(24, b"old!"))

    def ask_and_be_interrupted() -> None:
        with ours.turn():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_and_be_interrupted()
    kernels.send(_message(24, b"new!") + _answer(1, 0))
    assert netlink.request(ours, _message(26)) == b"new!"


def test_a_lost_answer_about_a_route_is_no_refusal(ends: Ends) -> None:
    """It would be evidence that the kernel has no way there."""
    with pytest.raises(netlink.NetlinkError, match="lost"):
        messages.lookup(ends[0], IPv4Address("166.9.0.10"))


def test_no_messages_are_not_sent(ends: Ends) -> None:
    """An empty batch does nothing."""
    netlink.batch(ends[0], [])
    ends[1].setblocking(False)
    with pytest.raises(BlockingIOError):
        ends[1].recv(1)


def test_long_batches_travel_in_several_datagrams(ends: Ends) -> None:
    """Each is numbered from 1; places count on."""
    ours, kernels = ends
    for sequence, code in ((2, 0), (1, errno.EBUSY)):
        kernels.send(_answer(sequence, code))
    with pytest.raises(netlink.NetlinkError) as refused:
        netlink.batch(ours, [_message(16, bytes(20_000))] * 3)
    assert refused.value.index == 2
    assert [len(kernels.recv(1 << 18)) for _ in range(2)] == [40_032, 20_016]


def test_attributes_read_what_attribute_wrote() -> None:
    """Padding and flag bits are not part of an attribute's value or type."""
    data = netlink.attribute(1, b"abc") + netlink.attribute(0x8002, b"abcd") + netlink.attribute(3, b"")
    assert list(netlink.attributes(data, 0, len(data))) == [(1, b"abc"), (2, b"abcd"), (3, b"")]


def test_broken_attribute_ends_the_reading() -> None:
    """A length below that of its own header would never end."""
    assert list(netlink.attributes(b"\0\0\1\0abcd", 0, 8)) == []


def test_template_refuses_values_of_another_length_and_unknown_marks() -> None:
    """A value of another length would shift everything behind it."""
    template = netlink.Template(b"..AAAA..AAAA..BB", b"AAAA", b"BB")
    assert template(b"1234", b"56") == b"..1234..1234..56"
    with pytest.raises(ValueError, match="bytes"):
        template(b"123", b"56")
    with pytest.raises(ValueError, match="not in the message"):
        netlink.Template(b"....", b"AAAA")
