"""How another process of pelab is started: by the same interpreter, isolated, and finding what this process finds.

It starts nothing itself, and forks nobody: it works in any process, also one with threads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from lab.errors import EnvironmentProblem

HOME: Final = str(Path(__file__).resolve().parents[2])
"""The folder from which ``lab`` is imported."""

# what such a process inherits: enough to run programs, nothing that instruments or redirects them
_KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "LD_LIBRARY_PATH", "TERM")
_BOOT: Final = """
import importlib, os, sys
paths = sys.argv.pop().split(os.pathsep)
if paths[0] not in sys.path:
    sys.path.insert(0, paths[0])
sys.path += [path for path in paths[1:] if path not in sys.path]
importlib.import_module(sys.argv[1]).main(*map(int, sys.argv[2:]))
"""


def command(module: str, *descriptors: int, python: str | None = None) -> list[str]:
    """Return the command line that calls ``main`` of ``module`` with ``descriptors``, by default on this interpreter.

    Raises:
        EnvironmentProblem: This process does not know its interpreter.
    """
    python = python or sys.executable
    if not python:
        raise EnvironmentProblem(
            "this process does not know its Python interpreter",
            fix="start it by an absolute path, or set sys.executable",
        )
    paths = os.pathsep.join([HOME, *(path for path in sys.path if path.startswith("/"))])
    return [python, "-I", "-c", _BOOT, module, *map(str, descriptors), paths]


def environment() -> dict[str, str]:
    """Return the environment of such a process."""
    return {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
