"""The user's side of a terminal: what is typed there, and what appears."""

from __future__ import annotations

import os
import select
import struct
import time
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

PATIENCE_S = 10.0


class Terminal:
    """The user's side of a pty: types, and reads until something appears."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        ioctl(self.slave, TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self.master, text)

    def until(self, mark: bytes) -> bytes:
        """Read until ``mark`` appears, or the other side hangs up."""
        seen, deadline = b"", time.monotonic() + PATIENCE_S
        while mark not in seen:
            left = deadline - time.monotonic()
            assert left > 0, seen
            assert select.select([self.master], [], [], left)[0], seen
            try:
                seen += os.read(self.master, 65536)
            except OSError:
                return seen + b"<hung up>"
        return seen

    def say(self, line: bytes, mark: bytes) -> bytes:
        """Type a line and read on."""
        self.type(line)
        return self.until(mark)

    def interrupt(self, mark: bytes) -> bytes:
        """Press Ctrl-C until it is heard: CPython's ``input`` misses one that comes just before it reads."""
        seen = b""
        for _ in range(50):
            self.type(b"\x03")
            while select.select([self.master], [], [], 0.1)[0]:
                seen += os.read(self.master, 65536)
                if mark in seen:
                    return seen
        pytest.fail("Ctrl-C was never heard")
