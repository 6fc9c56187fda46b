"""Nurseries and labs for tests of the process tree: as this user and, when that is root, as nobody too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.live.lab import Lab, Nursery

FURNISHING = "tests.live.two_hosts"
NOBODY = 65534


def users() -> list[object]:
    """Return the users that a test runs as: uid to change to, or None."""
    if os.geteuid():
        return [pytest.param(None, id="me")]
    return [pytest.param(None, id="root"), pytest.param(NOBODY, id="nobody")]


@pytest.fixture(scope="module", params=users())
def nursery(request: pytest.FixtureRequest) -> Iterator[Nursery]:
    """A nursery that is ready."""
    made = Nursery.start(user=request.param)
    made.wait()
    yield made
    made.close()


@pytest.fixture
def two_hosts(nursery: Nursery) -> Iterator[Lab]:
    """A lab with the hosts ``left`` and ``right``."""
    with nursery.lab(furnishing=FURNISHING) as made:
        yield made


def processes_of(nursery: Nursery) -> list[int]:
    """Return every process below the nursery's guard."""
    found: list[int] = []
    waiting = [nursery._process.pid]
    while waiting:
        pid = waiting.pop()
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            below = [int(child) for child in children.read_text().split()]
            found += below
            waiting += below
    return found
