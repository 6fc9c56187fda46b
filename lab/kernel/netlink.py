"""Netlink sockets of our own: batches that name what failed, and pyroute2's encoders used once per shape.

pyroute2 knows the bytes of every message; its sockets cost a loop each, and its batches lose errors. So its classes
encode (``encode``), ``Template`` repeats what has been encoded once, and ``batch`` sends. Nothing here knows what a
message means, and no socket is kept open: whoever asks for one owns it. A socket belongs for life to the network
namespace in which its thread stood when it was opened.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import ENOBUFS
from typing import Any, Final

from pyroute2 import IPRoute

from lab.kernel.namespaces import inside

ROUTE: Final = 0
NETFILTER: Final = 12

REQUEST: Final = 0x1
ACK: Final = 0x4
REPLACE: Final = 0x100
EXCL: Final = 0x200
CREATE: Final = 0x400
APPEND: Final = 0x800
DUMP: Final = 0x300

ERROR: Final = 2
DONE: Final = 3

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_SOL_NETLINK, _ADD_MEMBERSHIP, _EXT_ACK = 270, 1, 11
_CAPPED, _ACK_TLVS = 0x100, 0x200  # flags of an error message
_BUFFER_BYTES: Final = 4 << 20
_DATAGRAM_BYTES: Final = 60_000  # an ordinary user's send buffer holds about three of them


class NetlinkError(OSError):
    """The kernel refused a message: ``errno``, its own words in ``strerror``, and ``index``, the message's place."""

    def __init__(self, number: int, text: str, index: int = 0) -> None:
        """Keep the place of the refused message among those of its batch, from 0."""
        super().__init__(number, text)
        self.index = index


class NetlinkSocket(socket.socket):
    """A netlink socket that any thread may ask: one question and its whole answer at a time."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take the arguments of ``socket.socket``."""
        super().__init__(*arguments, **named)
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the socket to oneself, and leave nothing unread: it would be the answer to the next question."""
        with self._lock:
            try:
                yield
            finally:
                for _ in received(self):
                    pass


def open_socket(protocol: int = ROUTE, groups: Iterable[int] = ()) -> NetlinkSocket:
    """Return a netlink socket of this thread's network namespace, a member of the multicast ``groups``."""
    opened = NetlinkSocket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        for force, ordinary in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
            try:
                opened.setsockopt(socket.SOL_SOCKET, force, _BUFFER_BYTES)
            except PermissionError:  # rootless: no CAP_NET_ADMIN over the machine, so its limits hold
                opened.setsockopt(socket.SOL_SOCKET, ordinary, _BUFFER_BYTES)
        opened.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        opened.bind((0, 0))
        for group in groups:
            opened.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    except BaseException:
        opened.close()
        raise
    return opened


def iproute(namespace: int) -> IPRoute:
    """Return pyroute2's ``IPRoute`` acting in the network namespace behind the descriptor ``namespace``.

    For users' own code. Used from a thread other than the one that opened it, it raises; it has to be closed.
    """
    with inside(namespace):
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, ROUTE)
    try:
        return IPRoute(use_socket=opened)
    except BaseException:
        opened.close()
        raise


def encode(
    cls: type[Any], kind: int, flags: int = 0, attrs: Iterable[tuple[str, object]] = (), /, **fields: object
) -> bytes:
    """Return the bytes of a request of type ``kind``, encoded by pyroute2's message class ``cls``.

    Costs 20 microseconds an attribute: repeat a shape by ``Template`` or keep the result.
    """
    message = cls()
    message["header"] = {"type": kind, "flags": flags | REQUEST, "sequence_number": 0, "pid": 0}
    message.update(fields)
    message["attrs"] = [list(attribute) for attribute in attrs]
    message.encode()
    return bytes(message.data)


class Template:
    """A message encoded once with marks in the place of its values; a call fills the values in.

    A value has its mark's length. A mark must not occur in the message by chance: a test compares every template's
    bytes with the class's.
    """

    __slots__ = ("_data", "_fields")

    def __init__(self, data: bytes, *marks: bytes) -> None:
        """Find each of ``marks`` in ``data``, wherever it occurs."""
        self._data = data
        fields: list[tuple[int, tuple[int, ...]]] = []
        for mark in marks:
            at = tuple(i for i in range(len(data)) if data.startswith(mark, i))
            if not at:
                raise ValueError(f"the mark {mark!r} is not in the message")
            fields.append((len(mark), at))
        self._fields = tuple(fields)

    def __call__(self, *values: bytes) -> bytes:
        """Return the message with ``values`` in the place of the marks, in their order."""
        filled = bytearray(self._data)
        for (length, places), value in zip(self._fields, values, strict=True):
            if len(value) != length:
                raise ValueError(f"{value!r} has {len(value)} bytes, its place in the message {length}")
            for at in places:
                filled[at : at + length] = value
        return bytes(filled)


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one netlink attribute, padded."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) & 3)


def attributes(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield type (without the nesting and byte-order bits) and payload of each attribute in ``data[start:end]``."""
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            return
        yield kind & 0x3FFF, data[start + 4 : start + length]
        start += (length + 3) & ~3


def batch(opened: NetlinkSocket, messages: Sequence[bytes], before: bytes = b"", after: bytes = b"") -> None:
    """Send ``messages`` and raise the first refusal, with its place among them in ``index``.

    Numbered from 1, only the last asks for an answer (refusals come unasked). rtnetlink carries out what follows a
    refused message all the same. ``before`` and ``after`` frame a transaction, which is one datagram whatever its
    size; without them, long batches travel in several.
    """
    if not messages:
        return
    with opened.turn():
        if before or after:
            _send(opened, messages, 0, before, after)
            return
        start = size = 0
        for place, message in enumerate(messages):
            if size and size + len(message) > _DATAGRAM_BYTES:
                _send(opened, messages[start:place], start)
                start, size = place, 0
            size += len(message)
        _send(opened, messages[start:], start)


def _send(
    opened: NetlinkSocket, messages: Sequence[bytes], first: int, before: bytes = b"", after: bytes = b""
) -> None:
    """Send one datagram of ``messages`` (whose places begin at ``first``) and judge the kernel's answers."""
    opened.send(before + number(messages) + after)
    failure: NetlinkError | None = None
    for kind, flags, sequence, answer in received(opened):
        if kind != ERROR:
            continue
        refused = _refusal(flags, answer)
        if refused and failure is None:
            failure = refused
            failure.index = first + max(sequence - 1, 0)
        # number 0 is the frame of a transaction: when that is refused, no message is looked at
        if sequence == len(messages) or (refused and not sequence):
            break
    else:
        raise failure or NetlinkError(ENOBUFS, "the kernel's answer was lost", first)
    if failure:
        raise failure


def number(messages: Sequence[bytes]) -> bytes:
    """Return ``messages`` as one datagram, numbered from 1, with an answer wanted for the last."""
    datagram = bytearray(b"".join(messages))
    at = 0
    for place, message in enumerate(messages, 1):
        struct.pack_into("=I", datagram, at + 8, place)
        if place == len(messages):
            flags = struct.unpack_from("=H", message, 6)[0]
            struct.pack_into("=H", datagram, at + 6, flags | ACK)
        at += len(message)
    return bytes(datagram)


def received(opened: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, number and body of every message that waits on ``opened``.

    Never waits: rtnetlink and netfilter answer before ``send`` returns, and make the next part of a dump when the
    last one is read.
    """
    while True:
        try:
            data = opened.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        yield from split(data)


def split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, number and body of each message in a datagram."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def request(opened: NetlinkSocket, message: bytes) -> bytes:
    """Send one message that is answered by one message, and return the body of the answer."""
    found: bytes | None = None
    with opened.turn():
        opened.send(number([message]))
        for kind, flags, _, answer in received(opened):
            if kind == ERROR:
                if refused := _refusal(flags, answer):
                    raise refused
                if found is not None:
                    return found
            else:
                found = answer
    raise NetlinkError(ENOBUFS, "the kernel's answer was lost")


def dump(opened: NetlinkSocket, message: bytes) -> list[bytes]:
    """Send a request for a list (flag ``DUMP``), and return the body of each message of the answer."""
    found: list[bytes] = []
    with opened.turn():
        opened.send(message)
        for kind, flags, _, answer in received(opened):
            if kind == DONE:
                code = struct.unpack_from("=i", answer)[0] if len(answer) >= 4 else 0
                if code < 0:
                    raise NetlinkError(-code, os.strerror(-code))
                return found
            if kind == ERROR:
                if refused := _refusal(flags, answer):
                    raise refused
                return found
            found.append(answer)
    raise NetlinkError(ENOBUFS, "the kernel's answer was lost")


def _refusal(flags: int, answer: bytes) -> NetlinkError | None:
    """Return the error in the body of an error message, or None for an acknowledgement (error 0)."""
    (code,) = struct.unpack_from("=i", answer)
    if not code:
        return None
    text = os.strerror(-code)
    if flags & _ACK_TLVS:
        # behind the refused message's header, or behind all of it
        echoed = _HEADER.size if flags & _CAPPED else (struct.unpack_from("=I", answer, 4)[0] + 3) & ~3
        for kind, payload in attributes(answer, 4 + echoed, len(answer)):
            if kind == 1:
                text = payload.rstrip(b"\0").decode()
    return NetlinkError(-code, text)
