"""Set-up refuses what would not work, says the fix, asks nobody, and installs nothing that is not locked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-clients.lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing has been set up."""
    for name in ("bin/setup", "pyproject.toml", *LOCKS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def setup(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``bin/setup`` with nobody at the keyboard."""
    return subprocess.run(
        ["sh", "bin/setup", *arguments],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": "/", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_python_is_status_3_with_a_fix(checkout: Path) -> None:
    """The gap and the command that mends it are named, and nothing is made."""
    result = setup(checkout, PELAB_PYTHON="no-such-python")
    assert result.returncode == 3
    assert "to mend it: sudo apt-get install python3 python3-venv" in result.stderr
    assert not (checkout / ".venv").exists()


def test_an_interpreter_that_others_cannot_read_is_refused(checkout: Path) -> None:
    """Labs run as other users too: a Python below a private folder is no Python for them."""
    private = checkout / "private"
    private.mkdir(mode=0o700)
    shutil.copy(os.path.realpath(sys.executable), private / "python3")
    result = setup(checkout, PELAB_PYTHON=str(private / "python3"))
    assert result.returncode == 3
    assert "that an ordinary user may read" in result.stderr


@pytest.mark.parametrize(
    ("proxy", "options"),
    [({}, ""), ({"https_proxy": "http://proxy.example"}, "--preserve-env=http_proxy,https_proxy,no_proxy ")],
)
def test_sudo_keeps_the_way_to_the_mirror(checkout: Path, proxy: dict[str, str], options: str) -> None:
    """Behind a proxy an ordinary user's packages are fetched by it too; where there is none, sudo is not asked."""
    programs = checkout / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "stat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, said in {"id": "echo 1000", "apt-get": "exit 9", "sudo": f'echo "$*" >> {checkout}/asked'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{said}\n")
        (programs / name).chmod(0o755)
    result = setup(checkout, "packages", PATH=str(programs), **proxy)
    assert result.returncode == 0, result.stderr
    asked = (checkout / "asked").read_text().splitlines()
    assert f"-n {options}apt-get install -qq --no-install-recommends make" in asked
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_pin_with_hashes_and_name_no_host(lock: str) -> None:
    """Every requirement is one release with hashes; where it comes from is the installing machine's choice."""
    text = (ROOT / lock).read_text()
    requirements = re.findall(r"^[a-z].*", text, re.MULTILINE)
    assert requirements
    assert all(re.match(r"[a-z0-9._-]+==\S+ ", line) for line in requirements)
    for block in re.split(r"\n(?=[a-z])", text.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert not re.search(r"https?://|--index|--find-links|--trusted", text)


def test_every_folder_of_tests_is_run_by_make() -> None:
    """Those that ``make test`` runs are named, or a new one would be forgotten; machines have a target of their own.

    The suite inside a machine takes longest, and is run only by its own word: the last ``-k`` decides.
    """
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    found = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("tests/*/test_*.py")}
    assert found == {*named, "tests/machines"}
    assert "pytest tests/machines -k 'not whole' --durations=0 $(ARGS)" in (ROOT / "Makefile").read_text()


def test_lock_has_all_that_is_asked_for() -> None:
    """Whoever adds a dependency and forgets to lock it finds out here."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*settings["project"]["dependencies"], *settings["dependency-groups"]["dev"]]
    names = {re.split(r"[<>=! ;\[]", line)[0].lower().replace("_", "-") for line in asked}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names - locked == set()
