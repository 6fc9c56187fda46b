"""Every ending of ``pelab`` has its number, and the number says who must act."""

from __future__ import annotations

import errno

import click
import pytest

from lab.cli import status
from lab.cli.main import main
from lab.cli.status import Status, status_of
from lab.errors import (
    BringUpFailed,
    Divergence,
    EnvironmentProblem,
    ModelError,
    ProbeFailed,
    Problem,
    ServiceError,
    TearDownFailed,
)

WRONG = ModelError(Problem(where="accounts/acme", text="no such thing", hint="did you mean 'acne'?"))


@pytest.mark.parametrize(
    "error,expected",
    [
        pytest.param(Divergence("stated reached, predicted timed-out"), 1, id="voices-differ"),
        pytest.param(WRONG, 2, id="source"),
        pytest.param(click.BadParameter("no"), 2, id="arguments"),
        pytest.param(EnvironmentProblem("no user namespaces", fix="sysctl"), 3, id="machine"),
        pytest.param(BringUpFailed("no"), 4, id="bring-up"),
        pytest.param(TearDownFailed("no"), 4, id="tear-down"),
        pytest.param(ProbeFailed("no"), 4, id="probe"),
        pytest.param(ServiceError(500, "no"), 4, id="a-service-error-that-got-out"),
        pytest.param(ZeroDivisionError(), 4, id="defect"),
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), 3, id="full-disk"),
        pytest.param(KeyboardInterrupt(), 130, id="ctrl-c"),
    ],
)
def test_each_family_has_a_status(error: BaseException, expected: int) -> None:
    """A divergence is never confused with a broken lab, nor a defect with a divergence."""
    assert status_of(error) == expected


def test_a_problem_is_told_with_place_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error names the place and the nearest valid thing; standard output stays clean."""
    status.tell(WRONG)
    out, err = capsys.readouterr()
    assert out == ""
    assert "accounts/acme: no such thing (did you mean 'acne'?)" in err


def test_the_fix_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that cannot is told with the command that mends it."""
    status.tell(EnvironmentProblem("no user namespaces", fix="sudo sysctl -w user.max_user_namespaces=10000"))
    assert "fix: sudo sysctl -w user.max_user_namespaces=10000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments,expected,said",
    [
        pytest.param(["plai"], 2, "did you mean 'play'?", id="misspelt-command"),
        pytest.param(["play", "privat_only_lockout"], 2, "private_only_lockout", id="misspelt-scenario"),
        pytest.param(["explain", "single_account", "vsi-9", "keys"], 2, "vsi-1", id="misspelt-host"),
        pytest.param(["explain", "single_account", "vsi-1", "kees"], 2, "keys", id="misspelt-instance"),
        pytest.param(["matrix", "single_account", "--set", "vsi=2"], 2, "vsis", id="misspelt-parameter"),
        pytest.param(["matrix", "single_account", "--set", "vsis"], 2, "is no name=value", id="no-value"),
        pytest.param(["matrix", "single_account", "--set", "vsis=many"], 2, "a whole number", id="wrong-value"),
        pytest.param(
            ["explain", "single_account", "vsi-1", "keys", "--operation", "encrypt"], 2, "--surface ep11", id="not-kms"
        ),
        pytest.param(["explain", "single_account", "vsi-1", "--surface", "grep11"], 2, "'ep11'?", id="surface"),
        pytest.param(["graph", "single_account", "--plane", "pubic"], 2, "'public'?", id="misspelt-plane"),
        pytest.param(["play"], 2, "say which SCENARIO", id="play-what"),
        pytest.param(["play", "--all", "one_zone_down"], 2, "leave one out", id="all-and-one"),
        pytest.param(["play", "--all", "--lab", "mine"], 2, "leave --lab out", id="all-on-one-lab"),
        pytest.param(["run", "single_account", "vsi-1"], Status.RUN_FAILED, "COMMAND", id="run-without-command"),
        pytest.param(["run", "single_account", "vsi-9", "--", "id"], Status.RUN_FAILED, "vsi-1", id="run-nowhere"),
    ],
)
def test_bad_input_names_what_is_near(
    arguments: list[str], expected: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong word ends with its status, before anything is brought up, and shows what was probably meant."""
    assert main(arguments) == expected
    assert said in capsys.readouterr().err
