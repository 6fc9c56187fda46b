"""The nursery: a process that imports everything once and forks a lab for each request of its client.

It is the first process of its own pid namespace, so all its labs die with it, by the kernel, and its pid never equals
that of a process that draws random numbers. It has one thread, no event loop, and never draws from OpenSSL's generator
(a fork with an equal pid would draw the same bytes). It ends with its client: the end of the socket, or the pidfd.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import time
import traceback
import warnings
from pathlib import Path
from typing import Final, NoReturn

import setproctitle

from lab import wire
from lab.errors import EnvironmentProblem
from lab.kernel import namespaces as ns
from lab.live import causes, sandbox
from lab.live.protocol import FURNISHING, Failed, Fork, NurseryReady, failed

# imported before the fork so that no lab pays for them; scapy, rich and click stay out
_HEAVY: Final = (
    "asyncio",
    "ssl",
    "mininet.cli",
    "mininet.net",
    "mininet.topo",
    "pyroute2",
    "cryptography.x509",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "msgspec",
    "dnslib",
    "h11",
    "starlette.applications",
    "uvicorn",
    "uvloop",
)
# ours; one that has a ``preload`` prepares bytes, routes and tables there
_OURS: Final = ("lab.serve.process", FURNISHING, "lab.live.init")


def main(control: int, client: int) -> NoReturn:
    """Be the nursery that ``control`` (a socket) talks to and that ends with the process behind ``client``."""
    began = time.monotonic()
    conn = wire.adopt(control)
    try:
        # Ctrl-C on the client's terminal is the client's business
        ns.deaf(signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
        os.setsid()
        setproctitle.setproctitle("pelab nursery guard")
        sandbox.enter_nursery()
        if pid := os.fork():
            _guard(pid)
        ns.parent_death_signal()
        setproctitle.setproctitle("pelab nursery")
        sandbox.settle_nursery()
        preload()
        home = ns.current("pid")
        wire.send(conn, NurseryReady(seconds=time.monotonic() - began))
        _serve(conn, client, home)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the client ended while we imported
    except OSError as error:
        traceback.print_exc()
        _leave(conn, failed(causes.explain(error)))
    except ImportError as error:
        traceback.print_exc()
        problem = EnvironmentProblem(f"the lab's parts cannot be imported: {error}", fix=causes.reinstall())
        _leave(conn, failed(problem))
    except BaseException:  # noqa: BLE001 - the top of a process: whatever it is, the client is told
        _leave(conn, Failed(kind="bring-up", text=traceback.format_exc()))


def _leave(conn: socket.socket, message: Failed) -> NoReturn:
    """Tell the client why there is no nursery, and end."""
    try:
        wire.send(conn, message)
    finally:
        os._exit(1)


def _guard(nursery: int) -> NoReturn:
    """Be what the client's ``Popen`` sees: end when the nursery ends; when killed, so is the nursery."""
    os.closerange(3, 1 << 30)
    os.waitpid(nursery, 0)
    os._exit(0)


def preload() -> None:
    """Import everything that a lab needs and let it prepare itself.

    Raises:
        RuntimeError: An import started a thread, which no fork would have.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _HEAVY:
            importlib.import_module(name)
        for name in _OURS:
            module = importlib.import_module(name)
            if hasattr(module, "preload"):
                module.preload()
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads != 1:
        raise RuntimeError(f"the nursery has {threads} threads, but only the one that forks would reach a lab")
    # the collector never writes to these objects again, so their pages stay shared
    gc.collect()
    gc.freeze()


def _serve(conn: socket.socket, client: int, home: int) -> NoReturn:
    """Fork a lab for each request, until the client ends."""
    # the kernel reaps the labs; each lab's init sets it back
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    poll = select.poll()
    poll.register(conn, select.POLLIN)
    poll.register(client, select.POLLIN)
    while True:
        if any(fd == client for fd, _ in poll.poll()):
            os._exit(0)
        fork: Fork | None
        fork, fds = wire.recv(conn, Fork)
        if fork is None:
            os._exit(0)
        try:
            _fork(fork, fds, home)
        except OSError as error:
            wire.send(wire.adopt(os.dup(fds[0])), failed(causes.explain(error)))
        finally:
            wire.close(fds)


def _fork(fork: Fork, fds: list[int], home: int) -> None:
    """Fork the init of a lab: one fork, because the children of this process, not it, enter the new pid namespace."""
    from lab.live import init  # noqa: PLC0415 - only here: its imports are what ``preload`` is about

    started, nursery = time.monotonic(), os.getpid()
    control, life, client, errors = fds
    ns.unshare(ns.NEWPID)
    try:
        if os.fork() == 0:
            init.run(fork, init.Ropes(control=control, life=life, client=client, errors=errors), started, nursery)
    finally:
        ns.setns(home, ns.NEWPID)
