"""The commands for labs that stay, without a lab: one that cannot be taken down is in no other's way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli.main import main
from lab.cli.status import Status
from lab.errors import TearDownFailed
from lab.live import keeper
from lab.live.entry import Entry, begun
from lab.live.registry import Registry
from lab.report import labs as drawn
from lab.report.screen import screen


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["for people", "for programs"])
def test_one_that_cannot_be_taken_down_is_in_no_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """Every other lab is down and is said to be; what went wrong with which is said at the end, once."""

    def end(_labs: Registry, entry: Entry) -> None:
        if entry.name != "good":
            raise TearDownFailed(f"{entry.name} is still there")

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(keeper, "end", end)
    with Registry() as labs:
        made = [labs.claim(begun(name, "t", [], detached=True)) for name in ("bad", "good", "worse")]
        status = main(["down", "--all", *options])
        for claim in made:
            claim.__exit__(None, None, None)
    assert status == Status.BROKE
    out, err = capsys.readouterr()
    assert err.splitlines() == ["error: bad is still there", "worse is still there"]
    assert json.loads(out) == {"down": ["good"]} if options else out == "good is down\n"


def test_of_when_a_lab_was_begun_nothing_is_said_where_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A file can be torn; the lab was not begun in 1970."""
    drawn.show(screen(), [Entry(name="torn")])
    assert capsys.readouterr().out.split() == ["torn"]


def test_there_is_nothing_to_take_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who takes all down is told that there were none, and it is no error."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(["down", "--all"]) == Status.AGREED
    assert capsys.readouterr().out == "no lab is up\n"
