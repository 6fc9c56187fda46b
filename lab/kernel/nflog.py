"""Drop events: packets that a rule reports to an NFLOG group, with the rule's prefix. Looks, changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final, NamedTuple

from pyroute2.netlink import nla
from pyroute2.netlink.nfnetlink import nfgen_msg

from lab.kernel.netlink import NETFILTER, attributes, batch, encode, open_socket, split

_SUBSYSTEM: Final = 4 << 8
_PACKET, _CONFIG = 0, 1
_BIND: Final = 1
_COPY_PACKET: Final = 2
_INCOMING, _PAYLOAD, _PREFIX = 4, 9, 10


class Event(NamedTuple):
    """One reported packet: the prefix of the rule that reported it, and the packet from its IP header on.

    ``incoming`` is the index of the link by which it came in, 0 where the kernel does not say.
    """

    prefix: str
    packet: bytes
    incoming: int = 0


class _config_msg(nfgen_msg):  # noqa: N801 - named as pyroute2 names its classes, which has none for this message
    """The configuration of a group."""

    nla_map = (
        ("UNSPEC", "none"),
        ("CMD", "uint8"),
        ("MODE", "mode"),
        ("NLBUFSIZ", "be32"),
        ("TIMEOUT", "be32"),
        ("QTHRESH", "be32"),
    )

    class mode(nla):  # noqa: N801
        """How much of a packet is copied."""

        fields = (("copy_range", ">I"), ("copy_mode", "B"), ("pad", "B"))


def open_group(group: int, snap: int = 128) -> socket.socket:
    """Return a socket that receives what rules of this thread's network namespace report to ``group``.

    At most ``snap`` bytes of each packet, each at once. A second socket for the same group is refused (EPERM).
    """
    opened = open_socket(NETFILTER)
    try:
        mode = {"copy_range": snap, "copy_mode": _COPY_PACKET, "pad": 0}
        attrs: list[tuple[str, object]] = [("CMD", _BIND), ("MODE", mode), ("QTHRESH", 1)]
        batch(opened, [encode(_config_msg, _SUBSYSTEM | _CONFIG, 0, attrs, res_id=group)])
    except BaseException:
        opened.close()
        raise
    return opened


def read(buffer: bytes) -> Iterator[Event]:
    """Yield the events in a datagram received from a group's socket."""
    for kind, _, _, body in split(buffer):
        if kind == _SUBSYSTEM | _PACKET:
            parts = dict(attributes(body, 4, len(body)))
            if _PAYLOAD in parts:
                prefix = parts.get(_PREFIX, b"").rstrip(b"\0").decode()
                yield Event(prefix, parts[_PAYLOAD], int.from_bytes(parts.get(_INCOMING, b"")))


def waiting(opened: socket.socket) -> Iterator[Event]:
    """Yield the events that wait on a group's socket, without waiting for more."""
    while True:
        try:
            buffer = opened.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        yield from read(buffer)
