"""``pelab run``: one command in one host of a topology, with the host's network, names and environment."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import HOST, SETTINGS, TOPOLOGY, parameters, standing

if TYPE_CHECKING:
    from lab.live.host import Host


@click.command("run")
@TOPOLOGY
@HOST
@click.argument("arguments", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@SETTINGS
def command(*, topology: str, host: str, arguments: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Bring TOPOLOGY up, run COMMAND in HOST from this folder, take it down.

    On a terminal the command has a terminal; in a pipe it is part of the pipe. Ends with the command's own status,
    or with 125 when it could not be run.
    """
    from lab.catalogue import load_topology
    from lab.live.client import LiveLab
    from lab.live.host import Host

    world = load_topology(topology, **parameters(settings)).world()
    world.host(host)  # a wrong name is found before anything is brought up
    folder = standing()
    with LiveLab(world, shared=[folder]) as lab:
        where = Host(channel=lab.lab.channel, name=host)
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        status = where.shell(arguments, cwd=folder) if interactive else _piped(where, arguments, folder)
    # A death by signal N is told as shells tell it.
    return status if status >= 0 else 128 - status


def _piped(where: Host, arguments: tuple[str, ...], folder: str) -> int:
    """Run on this process's own descriptors; Ctrl-C goes to the command, which decides what it means."""
    with _interrupts() as pressed:
        program = where.start(arguments, cwd=folder)
        poll = select.poll()
        for waited in (program.fileno(), pressed):
            poll.register(waited, select.POLLIN)
        while program.fileno() not in dict(poll.poll()):
            os.read(pressed, 64)
            program.signal(signal.SIGINT)
        return program.wait()


@contextlib.contextmanager
def _interrupts() -> Iterator[int]:
    """Give a descriptor that is readable after Ctrl-C: no exception falls between a question and its answer."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    wakeup = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, handler)
        os.close(reading)
        os.close(writing)
