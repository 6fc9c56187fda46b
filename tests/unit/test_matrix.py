"""The matrix's promise: one cell without agreement, and the whole is none."""

from __future__ import annotations

import io

import pytest

from lab import Builder, Topology, catalogue, topology
from lab.errors import ModelError
from lab.model.outcome import Measurement, Outcome
from lab.model.world import World
from lab.play import runner
from lab.play.matrix import matrix
from lab.play.runner import Mode
from lab.report import matrix as drawn
from lab.report.screen import screen
from tests.unit.test_runner import Told


@pytest.mark.parametrize("wrong", [None, 0, 3, 5])
def test_one_cell_that_disagrees_makes_the_matrix_disagree(wrong: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight calls of ``single_account``, two surfaces each; the laptop's private ones die at the internet's edge."""
    reached = Measurement(outcome=Outcome.REACHED, cause="policy.default")
    denied = Measurement(outcome=Outcome.NO_ROUTE)
    lost = Measurement(outcome=Outcome.TIMED_OUT, cause="internet.no-private-service")
    says = [reached, reached, reached, reached, lost, reached, lost, reached]
    if wrong is not None:
        says[wrong] = denied

    def told(_: World) -> Told:
        return Told(*says)

    monkeypatch.setattr(runner, "_backend", lambda _mode: told)
    made = matrix(catalogue.load_topology("single_account"), Mode.LIVE)
    assert [cell.said.agreed for cell in made.cells] == [number != wrong for number in range(8)]
    assert made.agreed is (wrong is None)


@topology
class Bare(Topology):
    """An account with a VSI, if asked for, and nothing to call."""

    vsi: bool = True

    def build(self, b: Builder) -> None:
        """Build it."""
        account = b.account("acme")
        if self.vsi:
            b.vsi("vsi-1", account=account)


@pytest.mark.parametrize("mode", [Mode.MEMORY, Mode.LIVE])
@pytest.mark.parametrize(("vsi", "missing"), [(True, "instance"), (False, "host")])
def test_a_matrix_of_nothing_is_no_agreement(vsi: bool, missing: str, mode: Mode) -> None:
    """Nobody asked anything, so nothing agreed."""
    with pytest.raises(ModelError, match=f"has no {missing}, so there is no call"):
        matrix(Bare(vsi=vsi), mode)


def test_what_was_not_measured_bears_no_mark_of_agreement() -> None:
    """In memory cells are predictions; rules that nobody could verify are marked where they stand, and counted."""
    page = io.StringIO()
    described = catalogue.load_topology("single_account", vrf="no", service_endpoints="no")
    drawn.show(screen(page), matrix(described, Mode.MEMORY))
    told = page.getvalue()
    assert "✔" not in told
    assert "agreed" not in told
    assert "None" not in told
    assert "edge.no-vrf (assumed)" in told
    assert "single_account: 8 predicted; nothing was measured" in told
    assert "assumed rules behind these verdicts: edge.no-vrf (2)" in told
