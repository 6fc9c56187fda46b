"""Kill a lab, or its client, in every way and at every moment, and say what was left. A program, not for import.

``python killing.py CASE UID``: runs the case in private pid, mount, network and ipc namespaces, where nothing else
happens, with the client as UID (-1: as it is), and prints what was left as a JSON list, empty when all is well.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from lab.describe.builder import Builder
from lab.errors import BringUpFailed
from lab.live.lab import Lab, Nursery
from lab.live.residue import Snapshot, compare, snapshot
from lab.live.world import Standing, Up
from lab.model.world import World
from tests.live.covered import cover
from tests.live.private_place import enter

PATIENCE_S: Final = 5.0
TITLES: Final = ("pelab nursery guard", "pelab nursery", "pelab init", "pelab network", "pelab cloud")
MOMENTS: Final = 20
ENOUGH: Final = 50


# ------------------------------------------------------------------ the victim: a client in a process of its own
def world() -> World:
    """A world with an account, a VSI, a laptop and an instance."""
    b = Builder()
    acme = b.account("acme", vrf=True, service_endpoints=True)
    b.vsi("vsi-1", account=acme)
    b.internet_host("laptop")
    b.crypto_instance("keys", account=acme)
    return b.world()


def victim() -> None:
    """Do what is read from standard input, a word a line, and say when it is done; never clean up."""
    nursery = Nursery.start()
    labs: list[Lab] = []
    for line in sys.stdin:
        match line.split():
            case ["wait"]:
                nursery.wait()
            case ["fork"]:
                labs.append(nursery.lab())
            case ["up"]:
                labs[-1].ask(Up(world=world()), Standing)
                labs[-1].host("vsi-1").run(["setsid", "-f", "sleep", "1000"])
            case ["count"]:
                print(labs[-1].ask(Up(world=world(), batch_size=1), Standing).operations, flush=True)
                continue
            case ["hang", place]:
                hang(labs[-1], int(place))
            case ["fail", place]:
                with pytest.raises(BringUpFailed, match=f"stopped after {place} operations, before: "):
                    labs[-1].ask(Up(world=world(), stop_after=int(place), batch_size=1), Standing)
            case ["client", place]:
                # a client of its own that needs no nursery of its own
                if (pid := os.fork()) == 0:
                    labs = [nursery.lab()]
                    hang(labs[0], int(place))
                    print(os.getpid(), flush=True)
                    signal.pause()
                os.waitpid(pid, 0)
            case ["child"]:
                if os.fork() == 0:
                    # holds copies of every socket
                    select.select([], [], [], 60)
                    os._exit(0)
            case ["close"]:
                labs.pop().close()
            case _:
                raise ValueError(line)
        print("done", flush=True)


def hang(lab: Lab, place: int) -> None:
    """Bring a world up, one operation at a time, until the network process hangs before operation ``place``."""
    lab.channel.begin(Up(world=world(), hang_at=place, batch_size=1))
    while not lab.notices:
        select.select([lab.channel.fileno()], [], [])
        lab.channel.drained()


class Victim:
    """The client, seen from outside."""

    def __init__(self, user: int) -> None:
        who = {} if user < 0 else {"user": user, "group": user, "extra_groups": []}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            **who,  # type: ignore[call-overload]
        )

    def say(self, words: str) -> None:
        """Have something done, without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def do(self, *lines: str) -> str:
        """Have something done and return what was said last."""
        said = ""
        for words in lines:
            self.say(words)
            said = self.hear()
        return said

    def hear(self) -> str:
        """Return what is said next."""
        assert self.process.stdout is not None
        said: str = self.process.stdout.readline().strip()
        assert said, "the client died by itself"
        return said

    def kill(self) -> None:
        """Kill it and reap it."""
        self.process.kill()
        self.process.wait()


# ------------------------------------------------------------------ what is looked at
def titled(title: str) -> list[int]:
    """Return the processes with this title."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                shown = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if shown == title:
                found.append(int(entry.name))
    return found


def only(title: str) -> int:
    """Return the one process of that title; a fork that is about to get its own bears its parent's for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := titled(title)) != 1:
        assert time.monotonic() < deadline, f"{title}: {found}"
        select.select([], [], [], 0.001)
    return found[0]


def left(before: Snapshot, ignoring: Callable[[str], bool] = lambda _: False) -> list[str]:
    """Return what is different from ``before``, once nothing changes any more or patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [str(difference) for difference in compare(before, snapshot()) if not ignoring(str(difference))]
        if not found or time.monotonic() > deadline:
            return found
        select.select([], [], [], 0.005)


@contextmanager
def a_victim(user: int) -> Iterator[Victim]:
    """Yield a client that is dead afterwards."""
    made = Victim(user)
    try:
        yield made
    finally:
        made.kill()


# ------------------------------------------------------------------ the cases
def each_process(user: int) -> list[str]:
    """Kill each process of the tree, with a lab that is up and a daemon in one of its hosts."""
    problems = []
    before = snapshot()
    for title in TITLES:
        with a_victim(user) as client:
            client.do("wait", "fork", "up")
            (pid,) = titled(title)
            os.kill(pid, signal.SIGKILL)
            if title == "pelab cloud":
                # the lab outlives it
                problems += [] if titled("pelab network") else ["the lab ended with its cloud process"]
            else:
                problems += wait_for_none("pelab network", title)
        problems += [f"{title} killed: {thing}" for thing in left(before)]
    return problems


def wait_for_none(title: str, cause: str) -> list[str]:
    """Wait until no process has this title."""
    deadline = time.monotonic() + PATIENCE_S
    while titled(title):
        if time.monotonic() > deadline:
            return [f"{cause} killed: {title} lives on"]
        select.select([], [], [], 0.005)
    return []


def the_client(user: int) -> list[str]:
    """Kill the client: with a lab up, with one that hangs, and while its child holds copies of all sockets."""
    problems = []
    before = snapshot()
    for situation in ("idle", "hung", "copied"):
        with a_victim(user) as client:
            client.do("wait", "fork", "up")
            if situation == "hung":
                (pid,) = titled("pelab network")
                os.kill(pid, signal.SIGSTOP)
            if situation == "copied":
                client.do("child")
        if situation == "copied":
            problems += wait_for_none("pelab init", "the client")
            for pid in titled(f"{sys.executable} {__file__} victim"):
                os.kill(pid, signal.SIGKILL)
        problems += [f"client killed, {situation}: {thing}" for thing in left(before)]
    return problems


def any_moment(user: int) -> list[str]:
    """Kill the client at random moments of the nursery's start, the fork and the bring-up."""
    problems = []
    before = snapshot()
    chance = random.Random(20_24)
    for _ in range(MOMENTS):
        moment = chance.uniform(0.02, 0.9)
        with a_victim(user) as client:
            for words in ("wait", "fork", "up"):
                client.say(words)
            select.select([], [], [], moment)
            assert client.process.poll() is None, "the client died by itself"
        problems += [f"client killed after {moment:.3f} s: {thing}" for thing in left(before)]
    return problems


@contextmanager
def counted(user: int) -> Iterator[tuple[Victim, int, Snapshot]]:
    """Yield a victim, how many operations its bring-up has, and the machine before anything is broken."""
    with a_victim(user) as client:
        total = int(client.do("wait", "fork", "count"))
        client.do("close")
        yield client, total, snapshot()


def every_operation(user: int) -> list[str]:
    """Hang the bring-up before each of its operations; then kill the network process, init, or just close the lab."""
    problems = []
    with counted(user) as (client, total, before):
        for place, how in zip(range(total), itertools.cycle(("pelab network", "pelab init", "close")), strict=False):
            client.do("fork", f"hang {place}")
            if how != "close":
                os.kill(only(how), signal.SIGKILL)
            client.do("close")
            problems += [f"{how} before operation {place}: {thing}" for thing in left(before)]
    return problems if total > ENOUGH else [*problems, f"only {total} operations were counted"]


def failing_operations(user: int) -> list[str]:
    """Have each operation of the bring-up fail in its turn; the error names it, and closing the lab leaves nothing."""
    problems = []
    with counted(user) as (client, total, before):
        for place in range(total):
            client.do("fork", f"fail {place}", "close")
            problems += [f"failed before operation {place}: {thing}" for thing in left(before)]
    return problems


def client_at_every_operation(user: int) -> list[str]:
    """Kill the client while its lab hangs before each operation of the bring-up."""
    problems = []
    with counted(user) as (client, total, before):
        for place in range(total):
            os.kill(int(client.do(f"client {place}")), signal.SIGKILL)
            client.hear()
            problems += [f"client killed before operation {place}: {thing}" for thing in left(before)]
    return problems


CASES: Final[dict[str, Callable[[int], list[str]]]] = {
    case.__name__: case
    for case in (
        each_process,
        the_client,
        any_moment,
        every_operation,
        failing_operations,
        client_at_every_operation,
    )
}


# ------------------------------------------------------------------ the private place
def stage(case: str, user: int) -> None:
    """Run the case as the second process of a private place, and be its first: the one that reaps orphans."""
    enter()
    cover("/run", "/tmp", "/dev/shm")
    worker = os.fork()
    if worker == 0:
        print(json.dumps(CASES[case](user)), flush=True)
        os._exit(0)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == worker:
            os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    if sys.argv[1] == "victim":
        victim()
    else:
        stage(sys.argv[1], int(sys.argv[2]))
