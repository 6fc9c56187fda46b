"""The page's coverage is whole: what it names exists, and no documented rule is missing from it."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest

from lab import catalogue
from lab.model.rules import BY_ID, CATALOGUE, Mark
from tests.contract import coverage
from tests.contract.coverage import ROOT, Row

ROWS = tuple(row for section in coverage.sections() for row in section.rows)
RESTS = ("edge.no-vrf", "edge.no-service-endpoint")
"""What is measured where a prerequisite is missing: the rules of the accounts themselves decide no call."""
SCENARIOS = {entry.name for entry in catalogue.scenarios()}


def wrong(row: Row) -> list[str]:
    """Return what a row names that is not there, and what is missing of it."""
    told = [f"no rule {name}" for name in row.rules if name not in BY_ID]
    told += [f"no scenario {name}" for name in row.scenarios if name not in SCENARIOS]
    told += [f"no test {name}" for name in row.tests if not exists(name)]
    if row.state == "":
        told.append("neither whole (rules, scenarios and tests), nor open, nor a pointer")
    return told


def exists(name: str) -> bool:
    """Whether ``FILE::FUNCTION`` is a test of this repository, and ``FILE::FUNCTION[CASE]`` has such a case."""
    path, _, function = name.partition("::")
    function, _, case = function.removesuffix("]").partition("[")
    if (ROOT / path).is_file() and case and f'"{case}"' not in (ROOT / path).read_text():
        return False
    if not (ROOT / path).is_file() or not function.startswith("test_"):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
        for node in ast.parse((ROOT / path).read_text()).body
    )


def aside(row: Row) -> list[str]:
    """Return the cases of measured rules that a row names and that are no rule of it."""
    named = [re.fullmatch(r".*::test_a_rule_is_measured(?:\[(.*)\])?", name) for name in row.tests]
    return [str(found[1]) for found in named if found and found[1] not in (*row.rules, *RESTS)]


def unsaid(rows: tuple[Row, ...]) -> set[str]:
    """Return the documented rules that are in no row."""
    said = {name for row in rows for name in row.rules}
    return {rule.id for rule in CATALOGUE if rule.mark is Mark.DOCUMENTED} - said


def test_the_page_is_what_the_data_says() -> None:
    """`python -m tests.contract.coverage > docs/coverage.md` mends it."""
    assert (ROOT / "docs" / "coverage.md").read_text() == coverage.markdown(coverage.sections())


def test_every_row_is_whole_and_names_what_exists() -> None:
    """Rules, scenarios and tests are there, or the row is open and says what it waits for; nothing is partly so."""
    assert [(row.says, told) for row in ROWS if (told := wrong(row))] == []


def test_a_measured_rule_is_one_of_its_rows() -> None:
    """Which case of the rules' test holds a sentence is said, and it is a case of a rule of that row."""
    assert [(row.says, told) for row in ROWS if (told := aside(row))] == []


def test_every_documented_rule_stands_for_some_sentence() -> None:
    """A rule that claims to be the page's, and no sentence of it, would be made up."""
    assert unsaid(ROWS) == set()


def test_a_rules_section_has_a_sentence_of_it() -> None:
    """The anchor under which the catalogue cites a documented rule is a section in which a sentence rests on it."""
    said = {(row.anchor, name) for row in ROWS for name in row.rules}
    documented = (rule for rule in CATALOGUE if rule.mark is Mark.DOCUMENTED)
    assert [rule.id for rule in documented if (rule.section, rule.id) not in said] == []


def test_every_scenario_stands_for_some_sentence() -> None:
    """A shipped scenario plays what the page says."""
    assert SCENARIOS - {name for row in ROWS for name in row.scenarios} == set()


WHOLE = Row(
    anchor="private-only",
    says="It is so.",
    rules=("policy.private-only",),
    scenarios=("private_only_lockout",),
    tests=("tests/contract/test_coverage.py::test_every_row_is_whole_and_names_what_exists",),
)
BROKEN = {
    "no-rule": (replace(WHOLE, rules=("policy.made-up",)), "no rule policy.made-up"),
    "no-scenario": (replace(WHOLE, scenarios=("made_up",)), "no scenario made_up"),
    "no-test": (replace(WHOLE, tests=("tests/contract/test_coverage.py::test_made_up",)), "no test"),
    "no-file": (replace(WHOLE, tests=("tests/made_up.py::test_it",)), "no test"),
    "no-case": (
        replace(WHOLE, tests=("tests/contract/test_coverage.py::test_every_row_is_whole_and_names_what_exists[none]",)),
        "no test",
    ),
    "not-a-test": (replace(WHOLE, tests=("tests/contract/test_coverage.py::wrong",)), "no test"),
    "empty": (Row(anchor="private-only", says="It is so."), "neither whole"),
    "no-scenario-at-all": (replace(WHOLE, scenarios=()), "neither whole"),
    "partly-open": (replace(WHOLE, open="the rest"), "neither whole"),
    "open-and-pointer": (Row(anchor="private-only", says="", open="it", pointer="it"), "neither whole"),
}


def test_a_whole_row_an_open_one_and_a_pointer_are_right() -> None:
    """These are the three kinds."""
    rows = (WHOLE, Row(anchor="x", says="", open="it"), Row(anchor="x", says="", pointer="it"))
    assert [(row.state, wrong(row)) for row in rows] == [("covered", []), ("open", []), ("pointer", [])]


@pytest.mark.parametrize("case", BROKEN)
def test_a_row_that_names_nothing_is_found(case: str) -> None:
    """Each kind of hole in a row is told."""
    row, told = BROKEN[case]
    (found,) = wrong(row)
    assert told in found


def test_a_documented_rule_that_is_in_no_row_is_found() -> None:
    """Take its rows away, and the rule is missing."""
    rows = tuple(row for row in ROWS if "account.vrf-one-way" not in row.rules)
    assert unsaid(rows) == {"account.vrf-one-way"}
