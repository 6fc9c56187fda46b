"""What starts a process of a lab keeps the oracle out of it, whatever the interpreter optimises away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.live import captures

ROOT = Path(__file__).resolve().parents[2]


def test_the_capture_process_may_not_know_the_oracle() -> None:
    """It has the same guard as the network and the cloud process."""
    program = f"import sys; sys.path[:] = sys.argv[-1].split(':'); import lab.oracle.predict\n{captures._START}"
    paths = os.pathsep.join([str(ROOT), *sys.path])
    command = [sys.executable, "-I", "-c", program, "0", paths]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "OracleImported" in done.stderr


def test_a_process_with_the_nurserys_pid_ends_before_it_draws() -> None:
    """Also under ``python -O``, which leaves assertions out: labs would share their keys."""
    program = """
import os
from lab.live import init
# a fork's pid is not known before it; to its child, every number is the nursery's
class Any(int):
    __eq__ = lambda self, other: True
    __hash__ = int.__hash__
pid = init._child("pelab test", Any(), lambda: print("drawn", flush=True))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-O", "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert "has the nursery's pid" in done.stderr
