"""The check-up shows each check with its finding, and under a gap the command that mends it."""

from __future__ import annotations

import io

from lab.live.preflight import Check
from lab.report import json as documents
from lab.report.checkup import show
from lab.report.screen import screen

GOOD = Check(name="python", ok=True, detail="3.11.2")
GAP = Check(name="namespaces", ok=False, detail="none allowed", fix="sudo sysctl -w user.max_net_namespaces=10000")


def test_a_gap_comes_with_its_fix() -> None:
    """What is there has one line; what is missing has the fix beneath, to be copied."""
    page = io.StringIO()
    show(screen(page), [GOOD, GAP])
    lines = [" ".join(line.split()) for line in page.getvalue().splitlines()]
    assert lines == [
        "✔ python 3.11.2",
        "✘ namespaces none allowed",
        "fix: sudo sysctl -w user.max_net_namespaces=10000",
    ]


def test_programs_get_the_same() -> None:
    """In JSON a fix that is not needed is null."""
    assert documents.checkup([GOOD, GAP]) == [
        {"name": "python", "ok": True, "detail": "3.11.2", "fix": None},
        {"name": "namespaces", "ok": False, "detail": "none allowed", "fix": GAP.fix},
    ]
