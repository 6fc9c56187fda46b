"""``docs/verdicts.md`` has every word that a user can be told, and no other."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from lab import catalogue
from lab.cli.status import Status
from lab.describe.scenario import Scenario
from lab.model.outcome import Denial, Outcome, Prerequisite, Traffic
from lab.model.rules import CATALOGUE, Mark
from lab.play import runner
from lab.report import screen
from tests.contract import pages
from tests.live.test_rules_live import CASES

PAGE = "docs/verdicts.md"
TEXT = (pages.ROOT / PAGE).read_text()
WORDS = {
    "verdict": [mark.word for mark in (screen.AGREED, screen.DIVERGED, screen.VACUOUS)],
    "a rule is": [mark.value for mark in Mark],
    "outcome": [outcome.value for outcome in Outcome],
    "cause": [rule.id for rule in CATALOGUE if rule.decides],
    "missing": [prerequisite.value for prerequisite in Prerequisite],
    "status": [str(status.value) for status in Status],
}


@pytest.mark.parametrize("head", WORDS)
def test_every_word_is_told_and_no_other(head: str) -> None:
    """A new outcome, cause or status needs its line, with what it means and what to do: no cell is empty."""
    rows = pages.table(PAGE, head)
    assert sorted(row[0] for row in rows) == sorted(WORDS[head])
    assert [row for row in rows if not all(row)] == []


def test_what_a_mark_looks_like_and_an_outcome_is_called() -> None:
    """As it is drawn, and as an author writes it."""
    drawn = {mark.word: mark.glyph for mark in (screen.AGREED, screen.DIVERGED, screen.VACUOUS)}
    assert {row[0]: row[1] for row in pages.table(PAGE, "verdict")} == drawn
    assert {row[0]: row[1] for row in pages.table(PAGE, "outcome")} == {o.value: f"Outcome.{o.name}" for o in Outcome}


def test_who_stands_alone_is_said_in_the_runners_words() -> None:
    """Each sentence of the runner about it has its line."""
    said = {word for word in (row[0] for row in pages.table(PAGE, "it says")) if "alone" in word or "voices" in word}
    assert said == set(re.findall(r'"((?:the|no) [^"]+)"', inspect.getsource(runner._alone)))


def test_reasons_of_the_vacuous_are_those_of_the_code() -> None:
    """What the page quotes is said somewhere in the package."""
    code = "".join(path.read_text() for path in (pages.ROOT / "lab").rglob("*.py"))
    quoted = [piece for row in pages.table(PAGE, "it says") for piece in row[0].split("...") if piece.strip()]
    assert [piece for piece in quoted if piece.strip(" :") not in code] == []


def test_words_that_are_no_single_outcome_are_told() -> None:
    """They are what a test may state."""
    words = [f"`{word.value}`" for kind in (Denial, Traffic) for word in kind]
    assert [word for word in words if word not in TEXT] == []


def test_what_the_model_never_predicts_is_said_to_be_so() -> None:
    """Nothing that foresees says such an outcome; whoever sees one has met what is in no model."""
    foreseeing = [*(pages.ROOT / "lab" / "oracle").glob("*.py"), pages.ROOT / "lab" / "play" / "runner.py"]
    code = "".join(path.read_text() for path in foreseeing)
    never = {row[1] for row in pages.table(PAGE, "outcome") if "The model never predicts it" in row[2]}
    assert never == {f"Outcome.{outcome.name}" for outcome in Outcome if f"Outcome.{outcome.name}" not in code}


def stated() -> Iterator[tuple[str, str]]:
    """Yield cause and outcome of each step that states both: of shipped scenarios, and of what is measured of rules."""
    shipped = [catalogue.load_scenario(entry.name) for entry in catalogue.scenarios(pages.ROOT)]
    played: list[Scenario] = [*shipped, *CASES.values()]
    for step in (step for scenario in played for step in scenario.steps):
        if step.expectation.cause is not None:
            yield step.expectation.cause, step.expectation.outcome.value


def test_a_cause_is_seen_as_the_outcomes_that_scenarios_state() -> None:
    """Each pair that is measured somewhere is on the page, and each that is on the page is measured."""
    shown = {(row[0], outcome) for row in pages.table(PAGE, "cause") for outcome in row[1].split(", ")}
    assert shown - {("operator.done", "done")} == set(stated())
