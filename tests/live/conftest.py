"""What tests that need a kernel stand on: ``--live``, and ``sandboxed``."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.private_place import CANNOT

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
TIMEOUT_S = 60
NOBODY = 65534

Run = Callable[..., Any]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder as live."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)


def _environment() -> dict[str, str]:
    """Return the environment of a sandbox: this one's, with the project importable and nothing written into it."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}


def _as(user: str) -> dict[str, Any]:
    """Return what makes ``Popen`` run a program as ``user``."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if user == "nobody" else {}


@pytest.fixture(scope="session")
def nobody() -> str:
    """Return the empty text when an ordinary user can read interpreter and project, else what is in the way."""
    if os.geteuid():
        return ""
    tried = subprocess.run(
        [sys.executable, "-c", "import lab.kernel.namespaces"],
        cwd="/", env=_environment(), capture_output=True, text=True, check=False, **_as("nobody"),
    )  # fmt: skip
    return tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""


@pytest.fixture(params=["root", "nobody"] if os.geteuid() == 0 else ["user"])
def sandboxed(request: pytest.FixtureRequest, nobody: str) -> Run:
    """Give a function that runs another in private namespaces and returns what it returned.

    ``sandboxed(function, *arguments)``: a function at the top of the test's module; arguments and result are JSON. As
    root each test runs twice, once as the user ``nobody``. When the function raises, so does the call, with the
    traceback in its text.
    """
    user: str = request.param
    if user == "nobody" and nobody:
        pytest.fail(f"an ordinary user cannot read interpreter or project: {nobody}")
    return lambda function, *arguments: run(function, *arguments, user=user)


def run(function: Callable[..., Any], *arguments: object, user: str = "") -> Any:
    """Run ``function`` as ``user`` in private namespaces; see ``sandboxed``."""
    reader, writer = os.pipe()
    words = [inspect.getfile(function), function.__name__, json.dumps(arguments), str(writer)]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "inside.py"), *words],
        cwd="/", env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, pass_fds=[writer], **_as(user),
    )  # fmt: skip
    os.close(writer)
    try:
        said = process.communicate(timeout=TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()  # what is inside dies with it
        said = process.communicate()[0] + f"\nstill running after {TIMEOUT_S} s"
    finally:
        process.wait()
        with os.fdopen(reader) as result:
            returned = result.read()
    if process.returncode == CANNOT:
        pytest.fail(f"this machine refuses private namespaces: {said.strip()}")
    assert process.returncode == 0, f"{function.__name__} as {user or 'this user'} failed:\n{said}"
    return json.loads(returned)
