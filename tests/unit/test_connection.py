"""A message whose descriptors did not all arrive is an error, on whichever side it was to be received."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import wire
from lab.connection import Connection
from lab.errors import EnvironmentProblem
from lab.live.cloud import Cloud
from lab.serve import messages, process


@contextlib.contextmanager
def room_for(count: int) -> Iterator[None]:
    """Let this process open at most ``count`` more files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def listening() -> messages.Listen:
    """Return a request with which descriptors come."""
    return messages.Listen(id=1, door_names=["iam/private"])


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_message_that_lost_descriptors_is_an_error_and_keeps_none(room: int) -> None:
    """Whatever came of them is closed again."""
    left, right = wire.pair()
    with left, right:
        wire.send(left, listening(), [0, 0, 0])
        before = sorted(Path("/proc/self/fd").iterdir())
        with room_for(room), pytest.raises(OSError, match="descriptors of a message were lost") as lost:
            wire.recv(right, messages.Request)
        assert lost.value.errno == errno.EMFILE
        assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_connection_tells_why_it_ends() -> None:
    """Lost descriptors are told first, then the end: whoever waits hears that nothing will come."""

    async def story(left: socket.socket, right: socket.socket) -> list[str]:
        ended = asyncio.Event()
        told: list[str] = []
        Connection(
            right,
            received=lambda _data, fds: wire.close(fds),
            ended=ended.set,
            lost=lambda error: told.append(errno.errorcode[error.errno or 0]),
        )
        wire.send(left, listening(), [0])
        with room_for(0):
            await asyncio.wait_for(ended.wait(), 5)
        return told

    left, right = wire.pair()
    with left:
        assert asyncio.run(story(left, right)) == ["EMFILE"]


def test_the_cloud_process_that_cannot_take_its_listeners_says_so_and_ends() -> None:
    """It used to be silent, and the bring-up waited for ever."""
    ours, theirs = wire.pair()
    thread = threading.Thread(target=process.main, args=[theirs], daemon=True)
    with ours:
        thread.start()
        # once it has answered anything it opens no more files of its own
        wire.send(ours, messages.Fault(id=1, name="nothing"))
        wire.recv(ours, messages.FromCloud)
        with room_for(0):
            wire.send(ours, listening(), [0])
            assert select.select([ours], [], [], 5)[0]
            said, _ = wire.recv(ours, messages.FromCloud)
        assert isinstance(said, messages.Failed)
        assert (said.id, said.errno) == (0, errno.EMFILE)
        thread.join(5)
        assert not thread.is_alive()


def test_what_the_cloud_process_could_not_take_is_the_machines_problem() -> None:
    """Every request under way is answered by the limit and the command that raises it."""

    async def story(ours: socket.socket, theirs: socket.socket) -> BaseException:
        cloud = Cloud(ours, ended=lambda: None)
        waiting = asyncio.ensure_future(cloud.ask(listening()))
        await asyncio.sleep(0)
        wire.recv(theirs, messages.Request)
        wire.send(theirs, messages.Failed(id=0, error="descriptors of a message were lost", errno=errno.EMFILE))
        (said,) = await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), 5)
        assert isinstance(said, BaseException)
        return said

    ours, theirs = wire.pair()
    with ours, theirs:
        said = asyncio.run(story(ours, theirs))
    assert isinstance(said, EnvironmentProblem)
    assert "descriptors of a message were lost (too many open files)" in said.text
    assert "ulimit -n" in said.fix


def test_who_asks_late_for_the_end_is_told_at_once() -> None:
    """What began while the other side was leaving hears of the end like everybody, and once."""

    async def story(sock: socket.socket) -> list[str]:
        told: list[str] = []
        connection = Connection(sock, received=lambda _data, fds: wire.close(fds), ended=lambda: told.append("owner"))
        connection.on_end(lambda: told.append("early"))
        connection.close()
        connection.on_end(lambda: told.append("late"))
        connection.close()
        return told

    left, right = wire.pair()
    with left:
        assert asyncio.run(story(right)) == ["owner", "early", "late"]
