"""The pytest plugin: what a test suite gets by having pelab installed.

So far it knows one option, ``--live``; it starts nothing and imports nothing heavy.
"""

from __future__ import annotations

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register ``--live``: also run what needs a network in the kernel."""
    group = parser.getgroup("pelab")
    with contextlib.suppress(ValueError):  # the project has an option of that name: it means the same or wins
        group.addoption("--live", action="store_true", help="also bring networks up in the kernel and measure")
