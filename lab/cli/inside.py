"""A command in a host on this process's own input and output, the same for ``run``, ``exec`` and ``shell``.

On a terminal it has a terminal, in a pipe it is part of the pipe; its status becomes this process's.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from lab.live.host import Host


def run(host: Host, arguments: Sequence[str], folder: str) -> int:
    """Run ``arguments`` in ``folder`` of ``host`` and return the status as shells tell it: a signal N is 128 + N."""
    interactive = os.isatty(0) and os.isatty(1)
    with leaving():
        status = host.shell(arguments, cwd=folder) if interactive else _piped(host, arguments, folder)
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Have a closed terminal and SIGTERM end the block through every ``finally``: screen and files are as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:  # else somebody above wants it ignored, as nohup does
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # the next one finds it being done
    raise SystemExit(128 + number)


def _piped(host: Host, arguments: Sequence[str], folder: str) -> int:
    """Run on this process's own descriptors; Ctrl-C goes to the command, which decides what it means."""
    with _interrupts() as pressed:
        program = host.start(arguments, cwd=folder)
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
