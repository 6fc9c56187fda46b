"""Waiting until links carry packets. Looks at links, changes nothing."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Final

from lab.kernel import linkstate
from lab.kernel.namespaces import inside
from lab.kernel.netlink import open_socket, split
from lab.net.place import Place

_TIMEOUT_S: Final = 5.0


def await_carrier(ports: Sequence[tuple[Place, int, str]], timeout_s: float = _TIMEOUT_S) -> None:
    """Return when every port is operational; a current kernel makes it so when it is asked.

    Older kernels act on a change of carrier when they find time (a hundred a second), so then their events are awaited.
    """
    wanted: dict[Place, dict[int, str]] = {}
    for place, index, name in ports:
        wanted.setdefault(place, {})[index] = name
    deadline = time.monotonic() + timeout_s
    for place, names in wanted.items():
        assert place.socket is not None
        missing = set(names)
        missing -= _operational(linkstate.operstates(place.socket, sorted(missing)))
        if not missing:
            continue
        with inside(place.namespace):
            events = open_socket(groups=[linkstate.LINK_GROUP])
        poll = select.poll()
        poll.register(events, select.POLLIN)
        with events:
            # asked again now that no event can be missed
            missing -= _operational(linkstate.operstates(place.socket, sorted(missing)))
            while missing:
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise OSError(0, f"no carrier on {', '.join(names[index] for index in sorted(missing))}")
                missing -= _operational(linkstate.link_states(list(split(events.recv(1 << 18)))))


def _operational(states: dict[int, int]) -> set[int]:
    """Return the indexes of the links that are up."""
    return {index for index, state in states.items() if state == linkstate.OPERSTATE_UP}
