"""The rule catalogue and the page that is generated from it."""

from __future__ import annotations

from pathlib import Path

from lab.model import rules, signatures
from lab.model.outcome import Outcome
from lab.model.rules import CATALOGUE, Mark

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_what_the_catalogue_says() -> None:
    """`python -m lab.model.rules > docs/rules.md` mends it."""
    assert (DOCS / "rules.md").read_text() == rules.markdown()


def test_ids_are_unique_and_what_is_not_on_the_page_has_a_reason() -> None:
    """A rule that is derived or assumed says from what or why."""
    assert len({rule.id for rule in CATALOGUE}) == len(CATALOGUE)
    assert [rule.id for rule in CATALOGUE if (rule.mark is Mark.DOCUMENTED) != (not rule.reason)] == []


def test_a_signature_has_one_meaning() -> None:
    """The table between raw observations and outcomes is a function."""
    keys = [(entry.layer, entry.value) for entry in signatures.TABLE]
    assert len(set(keys)) == len(keys)
    assert signatures.read("connect", "ENETUNREACH") is not None
    assert signatures.read("http", "500") is None, "a broken service is no verdict"


def test_every_outcome_but_an_operators_can_be_measured() -> None:
    """What can be stated can be seen."""
    measurable = {entry.outcome for entry in signatures.TABLE}
    assert set(Outcome) - measurable == {Outcome.DONE}
