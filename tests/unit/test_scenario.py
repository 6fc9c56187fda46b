"""Scenarios and calls: what does not belong in one is told where it is said, not deep inside a play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import Call, EnableVrf, Outcome, Scenario, SetPolicy, Step, catalogue, topology
from lab.errors import ModelError

LAPTOP = Call.public("laptop", "keys")
STEP = Step("asks", LAPTOP, Outcome.REACHED)


def wrong(value: object) -> Any:
    """Return ``value`` as an author's file would say it, which nobody has type-checked."""
    return value


NONSENSE: dict[str, tuple[Callable[[], object], str]] = {
    "deed": (lambda: Step("asks", wrong("call"), Outcome.REACHED), r"Step\('asks'\): 'call' does not .*EnableVrf"),
    "outcome": (lambda: Step("asks", LAPTOP, wrong("reached")), r"Step\('asks'\): 'reached' .*Outcome\.REACHED"),
    "sentence": (lambda: Step(wrong(LAPTOP), LAPTOP, Outcome.REACHED), "first a sentence"),
    "topology": (
        lambda: Scenario(topology=wrong("single_account"), steps=(STEP,)),
        r"Scenario/topology: 'single_account' .*topology\(\"single_account\"\)",
    ),
    "no-comma": (lambda: Scenario(topology=topology("single_account"), steps=wrong(STEP)), "with the comma"),
    "no-step": (lambda: Scenario(topology=topology("single_account"), steps=wrong((LAPTOP,))), r"steps\[0\]"),
    "host": (lambda: Call.public(wrong(1), "keys"), "call/by: 1 .*the host's name"),
    "instance": (lambda: Call.public("laptop", wrong(None)), "call/laptop/instance: None .*the instance's name"),
    "operation": (lambda: Call.public("laptop", "keys", wrong("list")), r"call/laptop/operation: 'list' .*LIST"),
    "plane": (lambda: Call.token("laptop", "keys", wrong("private")), r"call/laptop/plane: 'private' .*Plane\.PRIVATE"),
    "policy": (lambda: SetPolicy(wrong("private-only"), by=LAPTOP), r"call/laptop/policy: .*Policy\.PRIVATE_ONLY"),
    "cause": (
        lambda: Outcome.UNAUTHORIZED.because("policy.privat-only"),
        r"Outcome\.UNAUTHORIZED\.because: no cause 'policy\.privat-only' \(did you mean 'policy\.private-only'",
    ),
    "a-rule-that-decides-nothing": (lambda: Outcome.REACHED.because("policy.exists"), "no cause 'policy.exists'"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_what_does_not_belong_is_told_where_it_is_said(case: str) -> None:
    """One line: the place, what stands there, what would be right."""
    say, told = NONSENSE[case]
    with pytest.raises(ModelError, match=told) as caught:
        say()
    assert len(caught.value.problems) == 1
    assert len(str(caught.value)) < 200


def test_the_place_in_an_authors_file_is_told_too(tmp_path: Path) -> None:
    """File and line before the place."""
    path = tmp_path / "typo.py"
    path.write_text("from lab import Outcome\n\nx = Outcome.REACHED.because('door.servd')\n")
    with pytest.raises(ModelError, match=r"typo\.py:3: Outcome\.REACHED\.because: no cause 'door\.servd'"):
        catalogue.load_scenario(str(path))


def test_steps_may_be_a_list() -> None:
    """It is kept as a tuple: a scenario does not change."""
    steps = [Step("enables", EnableVrf(account="acme"), Outcome.DONE), STEP]
    assert Scenario(topology=topology("single_account"), steps=wrong(steps)).steps == tuple(steps)
