"""One clean Debian root for all tests; each that changes it takes a copy of its own, and none outlives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.clean_root import CleanRoot, removed


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """The smallest Debian 12, with a user; an error where it cannot be had."""
    with removed(tmp_path_factory.mktemp("debian") / "root") as path:
        yield CleanRoot.make(path)


@pytest.fixture(scope="session")
def untouched(debian: CleanRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """A copy of it with this checkout in ``/vagrant``, for commands that must change nothing: they share it."""
    with debian.copied(tmp_path_factory.mktemp("untouched") / "root") as made:
        made.copy_checkout()
        yield made


@pytest.fixture
def machine(debian: CleanRoot, tmp_path: Path) -> Iterator[CleanRoot]:
    """A copy of it with this checkout in ``/vagrant``."""
    with debian.copied(tmp_path / "root") as made:
        made.copy_checkout()
        yield made
