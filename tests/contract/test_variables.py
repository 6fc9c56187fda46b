"""The tables of the endpoint variables are the scenario's."""

from __future__ import annotations

from lab.model.variables import Variable
from tests.contract import variables
from tests.contract.coverage import ROOT


def test_the_tables_are_what_the_scenario_and_the_oracle_say() -> None:
    """`python -m tests.contract.variables > docs/endpoint-variables.md` mends it."""
    assert (ROOT / "docs" / "endpoint-variables.md").read_text() == variables.markdown()


def test_every_variable_has_a_table() -> None:
    """A variable that tools read and that the scenario leaves out would go without a verdict."""
    said = variables.markdown()
    assert [each.value for each in Variable if f"\n## {each.value}\n" not in said] == []
