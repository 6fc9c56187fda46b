"""The first process of a lab: forks the network and the cloud, watches, reaps, and ends the lab by ending.

It is a process of its own because a hung network process would outlive its client. It imports nothing, makes no
thread, and never draws a random number: OpenSSL's generator is shared across the fork by processes of equal pid.
When it ends, however it ends, the kernel ends every other process of the lab and frees every namespace.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import setproctitle

from lab import wire
from lab.errors import PelabError
from lab.kernel import namespaces as ns
from lab.live import causes, guard, network, sandbox
from lab.live.protocol import Failed, Fork, failed
from lab.serve import process


@dataclass(frozen=True, slots=True, kw_only=True)
class Ropes:
    """The descriptors of one lab: its control socket, its life pipe, the pidfd of its client, its error memfd."""

    control: int
    life: int
    client: int
    errors: int

    @property
    def all(self) -> tuple[int, ...]:
        """Every one of them."""
        return (self.control, self.life, self.client, self.errors)


def run(fork: Fork, ropes: Ropes, started: float, nursery: int) -> NoReturn:
    """Be the init of a lab whose fork was asked for at ``started`` (monotonic); ``nursery`` is that process's pid."""
    status = 1
    try:
        _run(fork, ropes, started, nursery)
        status = 0
    except OSError as error:
        _report(ropes.control, failed(causes.explain(error)))
        traceback.print_exc()
    except PelabError as error:
        _report(ropes.control, failed(error))
    except BaseException:  # noqa: BLE001 - nothing is above a pid 1: whatever it is, it is told and the lab ends
        traceback.print_exc()
        _report(ropes.control, Failed(kind="bring-up", text=traceback.format_exc()))
    finally:
        os._exit(status)


def _report(control: int, message: Failed) -> None:
    """Tell the client why there will be no lab; it may have gone, and then nobody wants to know."""
    try:
        wire.send(wire.adopt(os.dup(control)), message)
    except OSError:
        return


def _run(fork: Fork, ropes: Ropes, started: float, nursery: int) -> None:
    """Set the lab up, fork its two processes and watch until the lab must end."""
    ns.close_all_but(*ropes.all)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ns.parent_death_signal()
    setproctitle.setproctitle("pelab init")
    for fd in (1, 2):
        os.dup2(ropes.errors, fd)
    os.close(ropes.errors)
    marks = {"forked": time.monotonic() - started}
    sandbox.enter_lab()
    marks["unshared"] = time.monotonic() - started
    sandbox.mount_lab(fork.shared)
    os.chdir("/")
    os.umask(0o022)
    marks["mounted"] = time.monotonic() - started
    me = os.pidfd_open(os.getpid())
    ours, theirs = wire.pair()

    def be_network() -> None:
        ns.close_all_but(ropes.control, ours.fileno(), me)
        furnish = importlib.import_module(fork.furnishing).furnish
        network.main(furnish, control=wire.adopt(ropes.control), cloud=ours, init=me, marks=marks, started=started)

    def be_cloud() -> None:
        ns.close_all_but(theirs.fileno())
        process.main(theirs)

    children = {
        _child("pelab network", nursery, be_network): "network",
        _child("pelab cloud", nursery, be_cloud): "cloud",
    }
    ours.close()
    theirs.close()
    os.close(ropes.control)
    os.close(me)
    _watch(ropes, children)


def _child(title: str, nursery: int, body: Callable[[], None]) -> int:
    """Fork a process of the lab that runs ``body`` and ends with it; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _be_another(nursery)
        setproctitle.setproctitle(title)
        os.setsid()
        ns.deaf(signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
        guard.install()
        body()
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a process: told, and the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _be_another(nursery: int) -> None:
    """Make sure that this process's pid is not the nursery's.

    Else OpenSSL, which re-seeds when the pid changes, would share its random state with every other lab. Which other
    pid it is does not matter: the cloud's is not always 3, because the network process's threads are numbered too.
    """
    if os.getpid() == nursery:
        raise RuntimeError("this process has the nursery's pid, so it would draw another lab's random numbers")


def _watch(ropes: Ropes, children: dict[int, str]) -> None:
    """Return when the lab must end: its client or its network process has ended, or somebody asked politely.

    A life pipe alone does not show the client's end: a child that it forked holds a copy. Hence the pidfd.
    """
    bell, rung = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(rung)
    ns.deaf(signal.SIGCHLD)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    poll = select.poll()
    for fd in (bell, ropes.life, ropes.client):
        poll.register(fd, select.POLLIN)
    # a child may have ended before the bell was hung
    while not _reap(children):
        ready = [fd for fd, _ in poll.poll()]
        if ropes.life in ready or ropes.client in ready:
            return
        os.read(bell, 4096)


def _reap(children: dict[int, str]) -> bool:
    """Collect every process that ended, orphans of the hosts included; tell whether the network process was among them.

    The end of the cloud process is the network process's business: it sees the end of their socket.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        if (name := children.get(pid)) is not None:
            with contextlib.suppress(OSError):  # the lab's last words have a limit
                print(f"pelab: the {name} process ended: {_how(status)}", file=sys.stderr, flush=True)
            if name == "network":
                return True


def _how(status: int) -> str:
    """Return in words how a process with this wait status ended."""
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
