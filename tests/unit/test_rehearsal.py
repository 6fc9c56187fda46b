"""Rehearsing in a test: agreement returns the report, anything else is raised with step and reason."""

from __future__ import annotations

import pytest

from lab import Call, Divergence, Mode, ModelError, Outcome, Policy, Scenario, SetPolicy, Step, rehearse, topology

LAPTOP = Call.public("laptop", "keys")


def test_a_scenario_is_rehearsed_by_name() -> None:
    """What agrees is returned; a wrong name is told with the nearest one."""
    assert rehearse("private_only_lockout", Mode.MEMORY).agreed
    with pytest.raises(ModelError, match="did you mean 'private_only_lockout'"):
        rehearse("private_only_lock_out", Mode.MEMORY)


def test_what_differs_is_raised_with_its_step_and_what_was_left_out() -> None:
    """A failing test shows at once which step it was, and that nothing after a failed change was run."""
    lock = SetPolicy(Policy.PRIVATE_ONLY, by=LAPTOP)
    told = Scenario(
        name="wrong",
        topology=topology("single_account", policy="private-only"),
        steps=(
            Step("asks", LAPTOP, Outcome.REACHED),
            Step("locks", lock, Outcome.REACHED),
            Step("asks again", LAPTOP, Outcome.UNAUTHORIZED),
        ),
    )
    with pytest.raises(Divergence) as caught:
        rehearse(told, Mode.MEMORY)
    because = "stated reached, predicted unauthorized (policy.private-only); the author stands alone"
    assert str(caught.value).splitlines() == [
        f"wrong/step 1 (asks): {because}",
        f"wrong/step 2 (locks): {because}",
        "wrong: 1 further step was not run: after a failed change they mean nothing",
    ]
