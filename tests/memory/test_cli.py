"""``pelab`` as a process of its own, without a network: pipes."""

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
