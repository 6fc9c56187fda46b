"""Imports point one way: the import contracts of pyproject.toml hold, and can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in ``folder``."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_hold() -> None:
    """Every layer and every forbidden import is as pyproject.toml says."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    "module,line",
    [
        pytest.param("live/spy.py", "from lab.oracle import predict", id="the-lab-asks-the-oracle"),
        pytest.param("oracle/clock.py", "import time", id="the-oracle-has-a-clock"),
        pytest.param("model/upwards.py", "import lab.services", id="the-model-looks-up"),
        pytest.param("report/shortcut.py", "import pyroute2", id="pyroute2-away-from-home"),
        pytest.param("live/shell.py", "from mininet.cli import CLI", id="mininet-away-from-home"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, module: str, line: str) -> None:
    """A copy of the package with one forbidden import fails."""
    for source in (*ROOT.glob("lab/**/*.py"), ROOT / "pyproject.toml"):
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    (tmp_path / "lab" / module).write_text(f'"""A breach."""\n\n{line}\n')
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
