"""A test session with labs: its options, a test's lab from beginning to end, and what was not measured.

Loaded by every pytest run with pelab installed, so what a lab needs is imported by the first test that asks for one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from lab.errors import Divergence, EnvironmentProblem, LiveError, ModelError, PelabError
from lab.report.properties import NOT_MEASURED, properties
from lab.testing import options

if TYPE_CHECKING:
    from lab.play.runner import StepReport
    from lab.testing.fixture import LabFixture
    from lab.testing.shelf import Shelf

HELD: Final = pytest.StashKey["LabFixture"]()
"""The lab of a test that runs."""
_LEFT_OUT: Final = "not measured: "


def check_options(config: pytest.Config) -> None:
    """Raise UsageError for options that do not fit together, or a folder that cannot be written."""
    live, pcap, pause = (options.word(config, name) for name in (options.LIVE, options.PCAP, options.PAUSE))
    for name, word in ((options.PCAP, pcap), (options.PAUSE, pause)):
        if options.value(config, name) and not options.value(config, options.LIVE):
            raise pytest.UsageError(f"{word} needs a network: pytest {live} {word}")
    if options.value(config, options.PAUSE) and config.getoption("numprocesses", default=None):
        raise pytest.UsageError(f"{pause} needs your terminal, and workers have none: leave -n out, or say -n 0")
    if folder := options.value(config, options.PCAP):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"{pcap} {folder}: {error.strerror}") from None


def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return an empty shelf; programs in its labs see the folders of project and test, and every ``tmp_path``."""
    from lab.play.runner import Mode
    from lab.testing.shelf import Shelf

    mode = Mode.LIVE if options.value(request.config, options.LIVE) else Mode.MEMORY
    seen = (request.config.rootpath, request.path.parent, tmp_path_factory.getbasetemp())
    return Shelf(mode, list(map(str, seen)))


@contextlib.contextmanager
def lab_of(request: pytest.FixtureRequest, shelf: Shelf) -> Iterator[LabFixture]:
    """Have the lab of a test; what keeps it from coming up is the test's error, in one line."""
    from lab.testing.fixture import LabFixture, Setting
    from lab.testing.topologies import world_of

    item = request.node
    try:
        world = world_of(item)
        running = shelf.take(world)
    except (ModelError, EnvironmentProblem, LiveError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None

    def on_step(report: StepReport) -> None:
        item.user_properties.extend(properties(len(made.reports), report))

    def leave_out(wanted: str) -> NoReturn:
        __tracebackhide__ = True
        pytest.skip(f"{_LEFT_OUT}{wanted}, which needs a network: {options.word(item.config, options.LIVE)}")

    setting = Setting(
        world=world,
        mode=shelf.mode,
        running=running,
        name=item.name,
        folder=str(item.config.rootpath),
        since=time.time(),
        on_step=on_step,
        unmeasurable=leave_out,
    )
    item.stash[HELD] = made = LabFixture(setting)
    item.user_properties.append(("pelab.mode", shelf.mode.value))
    try:
        yield made
    finally:
        del item.stash[HELD]
        try:
            if folder := options.value(item.config, options.PCAP):
                from lab.testing import captured

                captured.write(setting, captured.path(Path(folder), item.nodeid))
        finally:
            shelf.give_back(world, running, as_found=not made.changed)


def shorten(raised: pytest.ExceptionInfo[BaseException]) -> None:
    """Leave pelab's own frames out of an error whose message says all; a defect keeps its whole trace."""
    error = raised.value
    if not isinstance(error, PelabError | Divergence):
        return
    if isinstance(error, ModelError):  # its message has the place and the words of what the author's code raised
        error.__cause__, error.__suppress_context__ = None, True
    steps, theirs = list[TracebackType](), None
    trace: TracebackType | None = raised.tb
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    for step in reversed(steps):
        if not _ours(step.tb_frame.f_globals):
            theirs = TracebackType(theirs, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if theirs is not None:
        # pytest cuts what it shows out of the frames themselves, whatever was filtered before
        raised.traceback = type(raised.traceback)(theirs)


def _ours(names: Mapping[str, object]) -> bool:
    module = str(names.get("__name__", ""))
    return module.startswith("lab.") and not module.startswith("lab._loaded.")  # where authors' files are loaded


class Tally:
    """Counts what was not measured, and says so at the end of a run, whichever worker ran the tests."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._assertions = self._tests = self._left_out = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test's assertions that were judged in memory, and the tests that ended where a network is needed."""
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        self._left_out += _LEFT_OUT in reason
        if report.when != "teardown":  # the last one has the properties of all, and comes in any case
            return
        values = [value for name, value in report.user_properties if name.startswith("pelab.")]
        silent = values.count(NOT_MEASURED)
        self._assertions += silent
        self._tests += bool(silent)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it, if there is anything."""
        said = []
        if self._assertions:
            what = f"{_count(self._assertions, 'assertion')} in {_count(self._tests, 'test')}"
            said.append(f"{what}: in memory, the model and the services' code decided")
        if self._left_out:
            said.append(f"{_count(self._left_out, 'test')} left out: only a network can do what is asked")
        if said:
            live = options.word(terminalreporter.config, options.LIVE)
            terminalreporter.section("pelab: not measured", sep="-", yellow=True)
            terminalreporter.line("\n".join((*said, f"{live} measures them")))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
