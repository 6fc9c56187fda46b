"""A lab that somebody else keeps up, as a client that comes later sees it.

Leaving it ends what this client started in it, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import Final, Self

from lab.errors import LiveError
from lab.live.channel import Channel
from lab.live.entry import Entry, here, keeper_of
from lab.live.host import Host
from lab.live.protocol import Ping, Pong
from lab.live.registry import Registry
from lab.live.rope import ended
from lab.live.world import Compare, Compared, Inspect, Saved, SaveFrames, State

_PATIENCE_S: Final = 10.0
_LAST_WORD_S: Final = 3.0


class Attached:
    """A conversation with a lab, found by ``Registry.find``."""

    def __init__(self, registry: Registry, entry: Entry) -> None:
        """Begin it.

        Raises:
            LiveError: The lab does not stand yet, or does not answer.
        """
        self.entry = entry
        self._registry = registry
        if not entry.standing:
            raise LiveError(f"the lab {entry.name!r} is only just coming up: try again, or pelab down {entry.name}")
        try:
            sock = registry.connect(entry.name)
        except OSError as error:
            raise LiveError(self._unreachable(error)) from error
        self.channel = Channel(sock, epitaph=self._epitaph)
        try:
            self.channel.ask(Ping(), Pong, timeout_s=_PATIENCE_S)
        except LiveError as error:
            self.close()
            raise LiveError(f"the lab {entry.name!r}: {error}; pelab down {entry.name} ends it") from error

    def host(self, name: str) -> Host:
        """Return a host, to run programs and open shells in."""
        return Host(channel=self.channel, name=name)

    def inspect(self) -> State:
        """Return what is up, and who is in it."""
        return self.channel.ask(Inspect(), State, timeout_s=_PATIENCE_S)

    def compare(self) -> Compared:
        """Return what was brought up, and how it differs now; LiveError if the lab answers no calls any more."""
        return self.channel.ask(Compare(), Compared, timeout_s=_PATIENCE_S)

    def save(self, fd: int) -> Saved:
        """Write every frame that was captured, as pcapng, to ``fd``."""
        return self.channel.ask(SaveFrames(), Saved, [fd])

    def close(self) -> None:
        """End the conversation, and the programs that it started."""
        self.channel.close()

    def __enter__(self) -> Self:
        """Return the conversation."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def _epitaph(self) -> str:
        """Return what is known about the end of the lab; its keeper writes it down as its last act."""
        if here(self.entry):
            with contextlib.suppress(ProcessLookupError):  # it has ended, and has written all that it will
                process = keeper_of(self.entry)
                ended(process, _LAST_WORD_S)
                os.close(process)
        gone = self._registry.read(self.entry.name)
        why = (gone.ended or "nothing is known of why") if gone is not None else "it was taken down"
        return f"the lab {self.entry.name!r} has ended: {why}"

    def _unreachable(self, error: OSError) -> str:
        """Return why nobody listens: the lab is being taken down, or it is of no use any more."""
        name = self.entry.name
        now = self._registry.read(name)
        if isinstance(error, ConnectionRefusedError) or now is None or now.ended:
            return f"the lab {name!r} is just ending"
        return f"the lab {name!r} cannot be reached ({error.strerror}); pelab down {name} ends it"
