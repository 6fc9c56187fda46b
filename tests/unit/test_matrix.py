"""The matrix's promise: one cell without agreement, and the whole is none."""

from __future__ import annotations

import pytest

from lab import catalogue
from lab.model.outcome import Measurement, Outcome
from lab.model.world import World
from lab.play import runner
from lab.play.matrix import matrix
from lab.play.runner import Mode
from tests.unit.test_runner import Told


@pytest.mark.parametrize("wrong", [None, 0, 3])
def test_one_cell_that_disagrees_makes_the_matrix_disagree(wrong: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four calls of ``single_account``; the laptop's private one dies at the internet's edge."""
    reached = Measurement(outcome=Outcome.REACHED, cause="policy.default")
    denied = Measurement(outcome=Outcome.NO_ROUTE)
    lost = Measurement(outcome=Outcome.TIMED_OUT, cause="internet.no-private-service")
    says = [reached, reached, lost, reached]
    if wrong is not None:
        says[wrong] = denied

    def told(_: World) -> Told:
        return Told(*says)

    monkeypatch.setattr(runner, "_backend", lambda _mode: told)
    made = matrix(catalogue.load_topology("single_account"), Mode.LIVE)
    assert [cell.said.agreed for cell in made.cells] == [number != wrong for number in range(4)]
    assert made.agreed is (wrong is None)
