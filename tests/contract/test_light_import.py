"""Importing pelab, asking for help and completing a word load nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lab

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "asyncio", "cryptography", "dnslib", "httptools", "httpx", "mininet", "multiprocessing", "pyroute2", "pytest",
    "requests", "rich", "scapy", "setproctitle", "setuptools", "ssl", "starlette", "uvicorn", "uvloop",
}  # fmt: skip


def loaded(program: str) -> set[str]:
    """Return the modules that a fresh interpreter holds after ``program``."""
    report = "\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", program + report], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(result.stderr.split())


def test_import_lab_is_light() -> None:
    """``import lab`` gives the vocabulary and no network library, event loop or TLS stack."""
    assert loaded("import lab; lab.Scenario; lab.Call; lab.Topology") & (HEAVY | {"click", "msgspec"}) == set()


def test_every_name_that_lab_offers_is_there() -> None:
    """What ``__all__`` lists can be had, the late ones too, and nothing else is late."""
    missing = [name for name in lab.__all__ if not hasattr(lab, name)]
    assert missing == []
    assert set(lab._LATE) <= set(lab.__all__)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["play", "--help"], ["matrix", "--help"]])
def test_help_is_light(arguments: list[str]) -> None:
    """Help needs click and nothing else that is heavy, and imports no command but the one it is about."""
    modules = loaded(f"from lab.cli.main import main; assert main({arguments!r}) == 0")
    assert modules & HEAVY == set()
    commands = {name for name in modules if name.startswith("lab.cli.")} - {
        "lab.cli.main", "lab.cli.status", "lab.cli.arguments", "lab.cli.named", "lab.cli.upon", "lab.cli.progress",
    }  # fmt: skip
    assert len(commands) == (0 if arguments[0].startswith("--") else 1)


def test_list_is_light() -> None:
    """Listing reads files and imports none of them."""
    assert loaded("from lab.cli.main import main; assert main(['list']) == 0") & HEAVY == set()


def test_the_pytest_plugin_is_light() -> None:
    """A stranger's test run with pelab installed pays for no network library."""
    assert loaded("import lab.pytest_plugin") & (HEAVY - {"pytest"}) == set()
