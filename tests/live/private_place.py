"""A private place: new namespaces of every kind, in which a program of the tests may do what it likes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from lab.kernel import namespaces as ns

CANNOT: Final = 77
"""Exit status when this machine refuses the namespaces; the reason stands on stderr."""


def enter() -> None:
    """Enter new namespaces of every kind; returns in a child that is their first process, with a /proc of its own."""
    try:
        if os.geteuid():
            ns.enter_user_namespace()
        ns.unshare(ns.NEWPID | ns.NEWNS | ns.NEWNET | ns.NEWIPC | ns.NEWUTS)
    except OSError as refused:
        print(refused, file=sys.stderr)
        os._exit(CANNOT)
    if first := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))
    ns.parent_death_signal()
    ns.mount(None, "/", flags=ns.REC | ns.PRIVATE)
    ns.mount("proc", "/proc", "proc")


def processes() -> int:
    """Return how many processes are in this place."""
    return sum(entry.name.isdigit() for entry in Path("/proc").iterdir())
