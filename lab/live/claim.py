"""A name that this process holds in the registry, and what it says there of its lab."""

from __future__ import annotations

import errno
import os
import socket
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from lab import wire
from lab.live.entry import Entry
from lab.live.locks import turn

if TYPE_CHECKING:
    from lab.live.registry import Registry


class Claim:
    """A name that this process holds; leaving the context gives it up, and nothing of it stays."""

    def __init__(self, registry: Registry, fd: int, entry: Entry) -> None:
        """Own ``fd``, on which the lock is, and behind which ``entry`` is written."""
        self.entry = entry
        self._registry, self._fd = registry, fd

    def stand(self, hosts: list[str]) -> socket.socket:
        """Say that the lab stands, and return the socket on which others find it; EnvironmentProblem without room."""
        listener = self._registry.listen(self.entry.name)
        try:
            self._write(msgspec.structs.replace(self.entry, hosts=hosts, standing=True))
        except BaseException:
            listener.close()
            raise
        return listener

    def still_found(self) -> bool:
        """Tell whether others still find the lab."""
        return self._registry.still_found(self.entry.name, self._fd)

    def bequeath(self, why: str) -> None:
        """Leave word of the lab's end for whoever asks next, who then cleans; EnvironmentProblem without room."""
        self._write(msgspec.structs.replace(self.entry, ended=why))
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        """Return the claim."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the name up."""
        if self._fd >= 0:
            self._registry.release(self.entry.name, self._fd, missing=True)
            self._fd = -1

    def _write(self, entry: Entry) -> None:
        try:
            with turn(self._fd):
                put(self._fd, entry)
        except OSError as error:
            raise self._registry.full(error) from error
        self.entry = entry


def put(fd: int, entry: Entry) -> None:
    """Make ``entry`` the content of a file; in one's turn, for whoever reads in between finds half of it."""
    data = wire.encode(entry)
    if os.pwrite(fd, data, 0) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(fd, len(data))
