"""The pytest plugin: what a test suite gets by having pelab installed.

The fixture ``lab``, the marker ``topology``, and the options ``--live``, ``--pcap`` and ``--pause-on-fail``, which a
suite may have for its own. Loading it starts nothing and imports nothing heavy; what a lab needs is imported by the
first test that asks for one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from lab.testing import options

if TYPE_CHECKING:
    from lab.testing.fixture import LabFixture
    from lab.testing.shelf import Shelf

MARKER = "topology(name or class, **parameters): the topology that the test's lab is brought up from"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Register the options after those of other plugins and of the project, and before the command line is read."""
    options.leave_out_folder(early_config, parser, args)
    done = yield
    options.register(early_config, parser, args)
    return done


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, refuse options that do not fit together, and begin to count what is not measured."""
    from lab.testing import session

    config.addinivalue_line("markers", MARKER)
    session.check_options(config)
    config.pluginmanager.register(session.Tally(), "pelab-tally")
    if options.value(config, options.PAUSE):
        from lab.testing import pausing

        config.pluginmanager.register(pausing.Pausing(config), "pelab-pausing")


def pytest_collection(session: pytest.Session) -> None:
    """Be in no conftest's way that is found from here on."""
    options.withdraw(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
    """Show of what pelab says by an error the test's own lines; all of them with ``--full-trace``."""
    from lab.testing import session

    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        session.shorten(call.excinfo)
    return (yield)


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
