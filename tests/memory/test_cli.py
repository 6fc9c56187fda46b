"""``pelab`` as a process of its own, without a network: pipes, and where nothing can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ["play", "missing_private_route", "--memory"],
        ["play", "missing_private_route", "--memory", "--json"],
        ["matrix", "single_account"],
        ["list"],
    ],
    ids=" ".join,
)
def test_when_its_reader_leaves_it_goes_in_silence(command: list[str]) -> None:
    """As other tools do, ``pelab ... | head -1`` says nothing, and its status is not that of a divergence."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lab", *command],
            stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 141


def test_what_cannot_be_written_is_the_machines_and_no_verdict() -> None:
    """Standard output on a full disk: one line that says so, one that says what to do, and the status for that."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lab", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert done.stderr.decode().splitlines()[-2:] == [
        "error: the output cannot be written: No space left on device",
        "fix: free space where it goes, or send it elsewhere",
    ]
    assert done.returncode == 3
