"""A relayed terminal passes everything both ways, however much is pasted and whoever is slow."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lab.live.terminal import relay

BIG = 1_000_000
BUDGET_S = 20


def drain(fd: int, size: int) -> int:
    """Read ``size`` bytes, or until the end; return how many came."""
    count = 0
    while count < size and (part := os.read(fd, 65536)):
        count += len(part)
    return count


def fill(fd: int, size: int) -> None:
    """Write ``size`` bytes."""
    view = memoryview(b"x" * size)
    while view:
        view = view[os.write(fd, view) :]


def relayed(program: Callable[[int], int]) -> tuple[int, int]:
    """Paste much into a terminal on which ``program`` runs; return its result, and how much it was heard to say."""
    master, slave = os.openpty()
    tty.setraw(slave)
    typed, typing = os.pipe()
    shown, showing = os.pipe()
    threading.Thread(target=fill, args=[typing, BIG], daemon=True).start()

    def relays() -> None:
        relay(master, stdin=typed, stdout=showing)
        os.close(showing)

    threading.Thread(target=relays, daemon=True).start()
    with ThreadPoolExecutor(2) as pool:
        heard = pool.submit(drain, shown, 10 * BIG)
        said = pool.submit(program, slave)
        try:
            result = said.result(BUDGET_S)
        finally:
            os.close(slave)
        return result, heard.result(BUDGET_S)


def test_a_paste_waits_for_a_program_that_writes_first() -> None:
    """It is read to the end; the relay used to wait for it to read, and it for the relay."""

    def program(slave: int) -> int:
        fill(slave, BIG)
        return drain(slave, BIG)

    assert relayed(program) == (BIG, BIG)


def test_a_program_that_ends_without_reading_ends_the_relay() -> None:
    """What nobody read is dropped."""

    def program(slave: int) -> int:
        fill(slave, 1000)
        return 0

    assert relayed(program) == (0, 1000)


def test_a_screen_that_is_gone_ends_the_relay() -> None:
    """Nobody sees what is said any more; it is no defect, and nobody waits for a program that goes on talking."""
    master, slave = os.openpty()
    reading, writing = os.pipe()
    typed, typing = os.pipe()
    os.close(reading)
    try:
        os.write(slave, b"unseen\n")
        relay(master, stdin=typed, stdout=writing)
    finally:
        for fd in (master, slave, writing, typed, typing):
            os.close(fd)
