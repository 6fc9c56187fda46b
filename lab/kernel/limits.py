"""How many files a process may have open, and the command that allows more. Changes nothing."""

from __future__ import annotations

import os
import resource


def open_files(wanted: int = 4096) -> str:
    """Return the command that allows this shell ``wanted`` open files; above the hard limit only root may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= wanted or os.geteuid() == 0:
        return f"ulimit -n {wanted}"
    return f"sudo prlimit --pid $$ --nofile={wanted}"
