"""pyroute2's own words in a namespace, as users write them, with the kernel's refusal as a value."""

from __future__ import annotations

from collections.abc import Callable

from pyroute2 import IPRoute, NetlinkError

from lab.kernel.netlink import iproute


def say(namespace: int, words: Callable[[IPRoute], object]) -> str | None:
    """Have ``words`` said to the kernel of the namespace behind a descriptor; return its refusal, None if it obeyed."""
    with iproute(namespace) as kernel:
        try:
            words(kernel)
        except NetlinkError as refused:
            return str(refused)
    return None
