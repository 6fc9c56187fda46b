"""Connection tracking: forgetting what is established, so that a changed policy holds for it too."""

from __future__ import annotations

from typing import Final

from pyroute2.netlink.nfnetlink import nfgen_msg

from lab.kernel.netlink import NetlinkSocket, batch, encode

_SUBSYSTEM: Final = 1 << 8
_DELETE: Final = 2
_IPV4: Final = 2

_FLUSH = encode(nfgen_msg, _SUBSYSTEM | _DELETE, 0, nfgen_family=_IPV4)


def flush(opened: NetlinkSocket) -> None:
    """Forget every IPv4 connection of the network namespace to which the netfilter socket ``opened`` belongs."""
    batch(opened, [_FLUSH])
