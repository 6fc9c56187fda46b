"""Messages between the processes of a lab: one msgspec ``Struct`` each, with descriptors, over a ``SEQPACKET`` socket.

A message is JSON; one above 64 KiB travels in a memfd that comes as the first descriptor. It knows no message types, no
request ids and no loop: a socket that does not block raises ``BlockingIOError`` here like everywhere.
"""

from __future__ import annotations

import errno
import os
import socket
from array import array
from collections.abc import Hashable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, overload

import msgspec

M = TypeVar("M")

MAX_DESCRIPTORS: Final = 250
_INLINE: Final = 64 * 1024
_IN_MEMFD: Final = b"@"
_MSG_CMSG_CLOEXEC: Final = 0x4000_0000
_INT: Final = array("i").itemsize
_ROOM_FOR_DESCRIPTORS: Final = socket.CMSG_LEN((MAX_DESCRIPTORS + 1) * _INT)
_ADDRESSES: Final = (IPv4Address, IPv4Network, IPv4Interface, IPv6Address, IPv6Network, IPv6Interface)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets of the kind that messages travel on."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def adopt(fd: int) -> socket.socket:
    """Return the socket of this kind behind the descriptor ``fd``, which it owns from now on."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fd)


def encode(message: object) -> bytes:
    """Return ``message`` as JSON."""
    return _ENCODER.encode(message)


def decode(data: bytes, form: type[M] | Any) -> M:
    """Return the message in ``data``, which must be a ``form`` (a ``Struct`` type or a union of them)."""
    decoder: msgspec.json.Decoder[M] = _decoder(cast("Hashable", form))
    return decoder.decode(data)


def send(sock: socket.socket, message: object, fds: Sequence[int] = ()) -> None:
    """Send ``message`` and duplicates of the descriptors ``fds``, which stay open here.

    Raises:
        BrokenPipeError, ConnectionResetError: The other side has ended.
        BlockingIOError: The socket does not block and is full; nothing was sent.
    """
    send_bytes(sock, encode(message), fds)


def send_bytes(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send an encoded message, as ``send`` does."""
    if len(data) <= _INLINE:
        _send_fds(sock, data, fds)
        return
    memfd = os.memfd_create("pelab message")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(memfd, view) :]
        _send_fds(sock, _IN_MEMFD + str(len(data)).encode(), (memfd, *fds))
    finally:
        os.close(memfd)


def _send_fds(sock: socket.socket, data: bytes, fds: Sequence[int]) -> None:
    """Send one packet; the limit is checked here because the kernel only says ``EINVAL``."""
    if len(fds) > MAX_DESCRIPTORS:
        raise ValueError(f"{len(fds)} descriptors in one message, at most {MAX_DESCRIPTORS} fit")
    if fds:
        socket.send_fds(sock, [data], list(fds))
    else:
        sock.send(data)


@overload
def recv(sock: socket.socket, form: type[M]) -> tuple[M | None, list[int]]: ...
@overload
def recv(sock: socket.socket, form: Any) -> tuple[Any, list[int]]: ...
def recv(sock: socket.socket, form: Any) -> tuple[Any, list[int]]:
    """Return the next message of type ``form`` and its descriptors, which the caller owns.

    The message is ``None`` when the other side has ended, also when it died with messages of ours unread.

    Raises:
        OSError: Not all of its descriptors arrived; the message is lost.
    """
    data, fds = recv_bytes(sock)
    if data is None:
        return None, []
    try:
        message = decode(data, form)
    except msgspec.MsgspecError:
        close(fds)
        raise
    return message, fds


def recv_bytes(sock: socket.socket) -> tuple[bytes | None, list[int]]:
    """Return the next message undecoded, as ``recv`` does."""
    try:
        # not socket.recv_fds: it drops its flags in CPython 3.11, and children would inherit the descriptors
        data, ancillary, flags, _ = sock.recvmsg(_INLINE + 1024, _ROOM_FOR_DESCRIPTORS, _MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None, []
    if not data:
        return None, []
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
    packed = b"".join(part for level, kind, part in ancillary if (level, kind) == rights)
    fds = list(array("i", packed[: len(packed) - len(packed) % _INT]))
    if flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
        close(fds)
        raise OSError(errno.EMFILE, "descriptors of a message were lost")
    if not data.startswith(_IN_MEMFD):
        return data, fds
    memfd = fds.pop(0)
    try:
        return _content(memfd, int(data[1:])), fds
    finally:
        os.close(memfd)


def _content(fd: int, size: int) -> bytes:
    """Read ``size`` bytes from the start; the file offset is shared with the sender and stands at the end."""
    parts: list[bytes] = []
    while size > 0 and (part := os.pread(fd, size, sum(map(len, parts)))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def close(fds: Sequence[int]) -> None:
    """Close every descriptor in ``fds``."""
    for fd in fds:
        os.close(fd)


def _enc_hook(value: object) -> object:
    """Encode what msgspec does not know: addresses as text, read-only mappings as mappings."""
    if isinstance(value, MappingProxyType):
        return dict(value)
    if isinstance(value, _ADDRESSES):
        return str(value)
    raise NotImplementedError(f"cannot send a {type(value).__name__}")


def _dec_hook(form: Any, value: Any) -> object:
    """Decode what msgspec does not know; the inverse of ``_enc_hook``."""
    if form in _ADDRESSES:
        return form(value)
    if form is MappingProxyType or get_origin(form) is MappingProxyType:
        inner = dict.__class_getitem__(get_args(form)) if get_args(form) else dict
        return MappingProxyType(msgspec.convert(value, inner, dec_hook=_dec_hook))
    raise NotImplementedError(f"cannot receive a {form!r}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_enc_hook)


@cache
def _decoder(form: Any) -> msgspec.json.Decoder[Any]:
    """Return the one decoder of ``form``; making one costs more than a message."""
    return msgspec.json.Decoder(form, dec_hook=_dec_hook)
