"""Without ``--live`` nothing that needs a network is run, and the report says what was not measured."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

NOBODY = 65534


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave live tests out unless they are asked for; they are deselected, never shown as passed or skipped."""
    if config.getoption("--live", default=False):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    if live:
        items[:] = [item for item in items if not item.get_closest_marker("live")]
        config.hook.pytest_deselected(items=live)


@pytest.fixture(scope="session")
def everybody() -> Iterator[list[int | None]]:
    """The users as whom a live promise must hold: this one and, when that is root, an ordinary one."""
    yield [None] if os.geteuid() else [None, NOBODY]
