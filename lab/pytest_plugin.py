"""The pytest plugin: what a test suite gets by having pelab installed.

The fixture ``lab``, the marker ``topology``, and the options ``--live``, ``--pcap`` and ``--pause-on-fail``. Loading it
starts nothing and imports nothing heavy; what a lab needs is imported by the first test that asks for one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.testing.fixture import LabFixture
    from lab.testing.shelf import Shelf

MARKER = "topology(name or class, **parameters): the topology that the test's lab is brought up from"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options; one that the project has already means the same there, or wins."""
    group = parser.getgroup("pelab")
    live, pause = (
        "also bring networks up in the kernel and measure",
        "at a failure, give Mininet's command line to its lab",
    )
    with contextlib.suppress(ValueError):
        group.addoption("--live", action="store_true", help=live)
    with contextlib.suppress(ValueError):
        group.addoption(
            "--pcap", metavar="DIR", help="with --live: write what each test's lab captured to DIR, as pcapng"
        )
    with contextlib.suppress(ValueError):
        group.addoption("--pause-on-fail", action="store_true", help=f"with --live: {pause}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, refuse options that do not fit together, and begin to count what is not measured."""
    from lab.testing import session

    config.addinivalue_line("markers", MARKER)
    session.check_options(config)
    config.pluginmanager.register(session.Tally(), "pelab-tally")
    if config.getoption("pause_on_fail", default=False):
        from lab.testing import pausing

        config.pluginmanager.register(pausing.Pausing(config), "pelab-pausing")


@pytest.fixture(scope="module")
def _pelab_shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The labs of a module: one that was left as it was found serves the next test, too."""
    from lab.testing import session

    shelf = session.shelf(request, tmp_path_factory)
    yield shelf
    shelf.clear()


@pytest.fixture
def lab(request: pytest.FixtureRequest, _pelab_shelf: Shelf) -> Iterator[LabFixture]:
    """The lab of the test's ``topology`` marker: on a live network with ``--live``, else in memory."""
    from lab.testing import session

    with session.lab_of(request, _pelab_shelf) as made:
        yield made
