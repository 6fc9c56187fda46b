"""A shell completes commands, scenarios, topologies, parameters, hosts and instances."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from lab.cli.arguments import Name
from lab.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def completed(line: str) -> set[str]:
    """Return what bash is offered for the last word of ``line``."""
    words = line.split(" ")
    result = subprocess.run(
        [sys.executable, "-m", "lab"],
        cwd=ROOT,
        env={"_PELAB_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return {offer.partition(",")[2] for offer in result.stdout.split()}


@pytest.mark.parametrize(
    "line,offer",
    [
        pytest.param("pelab pl", "play", id="command"),
        pytest.param("pelab play private", "private_only_lockout", id="scenario"),
        pytest.param("pelab matrix sing", "single_account", id="topology"),
        pytest.param("pelab matrix single_account --set v", "vsis=", id="parameter"),
        pytest.param("pelab explain single_account vs", "vsi-1", id="host"),
        pytest.param("pelab run --set vsis=3 single_account vs", "vsi-3", id="host-of-a-parameter"),
        pytest.param("pelab explain single_account vsi-1 k", "keys", id="instance"),
        pytest.param("pelab graph data_center --from m", "mainframe", id="host-of-an-option"),
        pytest.param("pelab graph data_center --to k", "keys", id="instance-of-an-option"),
        pytest.param("pelab play one_zone_down private", "private_only_lockout", id="second-scenario"),
        pytest.param("pelab play one_zone_down --jun", "--junit", id="report"),
        pytest.param("pelab play one_zone_down --junit repo", "repo", id="file"),
    ],
)
def test_completes(line: str, offer: str) -> None:
    """The word is offered."""
    assert offer in completed(line)


def test_a_wrong_topology_offers_nothing() -> None:
    """No traceback lands in the middle of somebody's command line."""
    assert completed("pelab explain nowhere vs") == set()
    assert completed("pelab graph --from vs") == set()


def test_whatever_breaks_offers_nothing() -> None:
    """A disk that fails, a defect of ours: also then the shell gets silence."""

    def broken(_: click.Context) -> NoReturn:
        raise OSError(errno.EIO, "input/output error")

    command = click.Command("down")
    assert Name("lab", broken).shell_complete(click.Context(command), click.Argument(["lab"]), "x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shell gets a script that calls pelab back."""
    assert main(["completion", shell]) == 0
    assert "_PELAB_COMPLETE" in capsys.readouterr().out
