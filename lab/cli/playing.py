"""Plays scenarios one after the other, with a line of progress, and keeps what reports are made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lab.cli.progress import Progress
from lab.cli.status import tell
from lab.describe.scenario import Scenario, Step
from lab.errors import LiveError, ModelError
from lab.model.world import World
from lab.play.runner import Backend, Mode, Report, StepReport, play
from lab.report.played import Played
from lab.report.screen import screen
from lab.report.walkthrough import Walkthrough

Make = Callable[[World], AbstractContextManager[Backend]]


@dataclass(slots=True, kw_only=True)
class Player:
    """Plays in ``mode``, told on the screen if ``narrated``."""

    mode: Mode
    narrated: bool
    verbose: bool
    progress: Progress
    plays: list[Played] = field(default_factory=list)

    def play(self, scenario: Scenario, backend: Make | None = None) -> None:
        """Play ``scenario`` and keep what became of it, also when its lab broke; that is told, and ends nothing.

        ``backend`` makes another lab than the mode's own. Whatever else ends the play is raised, once what was played
        is kept: no report may be silent about it.
        """
        attempt = _Attempt(self, scenario, backend)
        try:
            report, error = attempt.run(), ""
        except LiveError as broke:
            self.progress.clear()
            tell(broke)
            report, error = attempt.so_far(), str(broke)
        except BaseException as ending:
            if isinstance(ending, ModelError) and not attempt.steps:
                raise  # nothing was played
            self._keep(scenario, attempt, attempt.so_far(), f"ended by {type(ending).__name__} {ending}".rstrip())
            raise
        self._keep(scenario, attempt, report, error)

    def broke(self, error: LiveError) -> None:
        """Tell that the lab of the last play is not as that left it, or not there any more: it was no play."""
        tell(error)
        self.plays[-1] = replace(self.plays[-1], error=str(error))

    def _keep(self, scenario: Scenario, attempt: _Attempt, report: Report, error: str) -> None:
        played = Played(
            report=report,
            texts=tuple(step.text for step in scenario.steps),
            seconds=tuple(attempt.seconds),
            began=attempt.began,
            error=error,
        )
        self.plays.append(played)


class _Attempt:
    """One play on its way: the steps so far, and how long each took."""

    def __init__(self, player: Player, scenario: Scenario, backend: Make | None) -> None:
        self._player, self._scenario, self._backend = player, scenario, backend
        self._walk: Walkthrough | None = None
        if player.narrated:
            self._walk = Walkthrough(screen(), scenario, player.mode, verbose=player.verbose)
        self.steps: list[StepReport] = []
        self.seconds: list[float] = []
        self.began, self._since = datetime.now(UTC), time.monotonic()

    def run(self) -> Report:
        """Play; the errors are the runner's."""
        player, name = self._player, self._scenario.name or "scenario"
        if player.mode is Mode.LIVE:
            player.progress.show(f"{name}: bringing the lab up ..." if self._backend is None else f"{name}: ...")
        report = play(self._scenario, player.mode, on_step=self._stepped, on_begin=self._begun, backend=self._backend)
        player.progress.clear()
        if self._walk is not None:
            self._walk.closing(report)
        return report

    def so_far(self) -> Report:
        """Return what is known of a play that did not come to its end."""
        return Report(
            scenario=self._scenario.name,
            story=self._scenario.story,
            mode=self._player.mode,
            vrf_backend=None,
            steps=tuple(self.steps),
            total=len(self._scenario.steps),
        )

    def _begun(self, number: int, step: Step) -> None:
        name = self._scenario.name or "scenario"
        self._player.progress.show(f"{name}: step {number} of {len(self._scenario.steps)}: {step.text} ...")
        self._since = time.monotonic()

    def _stepped(self, step: StepReport) -> None:
        self.seconds.append(time.monotonic() - self._since)
        self.steps.append(step)
        self._player.progress.clear()
        if self._walk is not None:
            self._walk.step(step)
