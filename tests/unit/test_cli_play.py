"""``pelab play`` writes reports where it is told, says so, and knows at the beginning whether it can."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import cast
from xml.etree import ElementTree as ET

import pytest

from lab import catalogue
from lab.cli.main import main
from lab.cli.play import played
from lab.cli.playing import Player
from lab.cli.progress import Progress
from lab.errors import LiveError
from lab.live.attached import Attached
from lab.play import memory
from lab.play.runner import Mode
from lab.replacement import Replacement
from tests.junit import fits

ONE, TWO = "missing_private_route", "private_only_lockout"


def test_reports_are_written_and_the_screen_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of several scenarios one report in each form; the story is told on the screen all the same."""
    page, cases = tmp_path / "pelab.md", tmp_path / "pelab.xml"
    page.write_text("of before")
    assert main(["play", ONE, TWO, "--memory", "--markdown", str(page), "--junit", str(cases)]) == 0
    out = capsys.readouterr().out
    assert f"{ONE} · memory" in out
    assert out.endswith(f"\n2 scenarios: 13 agreed\nmarkdown is in {page}\njunit is in {cases}\n")
    assert page.read_text().startswith("## ✔ pelab: 2 scenarios, 13 agreed\n")
    root = ET.parse(cases).getroot()
    fits(root)
    assert [suite.get("name") for suite in root] == [ONE, TWO]
    assert sorted(tmp_path.iterdir()) == [page, cases]


@pytest.mark.parametrize(
    ("asked", "begins"),
    [(["--markdown"], "## ✔ "), (["--markdown", "-"], "## ✔ "), (["--junit", "-"], "<?xml "), (["--json"], "{")],
)
def test_what_is_printed_is_the_document_alone(
    asked: list[str], begins: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it can be piped; where another report was written is said on standard error."""
    more = ["--junit", str(tmp_path / "x")] if "--junit" not in asked else ["--markdown", str(tmp_path / "x")]
    assert main(["play", ONE, "--memory", *more, *asked]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(begins)
    assert out.endswith("\n")
    assert not out.endswith("\n\n\n")
    assert "stated = predicted" not in out
    assert err.endswith(f" is in {tmp_path / 'x'}\n")


def test_several_scenarios_are_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With each scenario's own document in it, as it is alone."""
    assert main(["play", ONE, "--memory", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main(["play", ONE, TWO, "--memory", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["agreed"]
    for one in (alone, both["plays"][0]):
        for step in one["steps"]:
            del step["evidence"]  # times and ports are each run's own
    assert both["plays"][0] == {**alone, "error": ""}
    assert [step["number"] for step in alone["steps"]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(["--json", "--markdown"], "--markdown and --json are two documents", id="two-documents"),
        pytest.param(["--junit", "-", "--json"], "--junit and --json are two documents", id="two-more"),
        pytest.param(["--markdown", TWO], f"'{TWO}' is a scenario: say it before this option", id="swallowed"),
        pytest.param(["--junit", "/nowhere/at/all"], "/nowhere/at/all: there is no folder /nowhere/at", id="no-folder"),
        pytest.param(["--junit", "/proc"], "/proc: is a folder (name a file in it)", id="a-folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_played(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and not a word of the story."""
    assert main(["play", ONE, "--memory", *asked]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_misspelt_scenario_leaves_reports_as_they_were(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is played, the good one before it included; no file beside the old one."""
    page = tmp_path / "pelab.md"
    page.write_text("of before")
    assert main(["play", ONE, "private_only_lokout", "--memory", "--markdown", str(page)]) == 2
    out, err = capsys.readouterr()
    assert (out, page.read_text(), list(tmp_path.iterdir())) == ("", "of before", [page])
    assert f"did you mean '{TWO}'?" in err


def test_a_lab_that_broke_is_told_and_the_next_scenario_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error stands in the report, and the end is the lab's: 4, whatever the others say."""
    asked = memory.Memory.ask

    def breaking(self: memory.Memory, call: object) -> object:
        if getattr(call, "by", "") == "laptop":
            raise LiveError("no socket")
        return asked(self, call)  # type: ignore[arg-type]

    monkeypatch.setattr(memory.Memory, "ask", breaking)
    cases = tmp_path / "pelab.xml"
    assert main(["play", TWO, ONE, "--memory", "--junit", str(cases)]) == 4
    out, err = capsys.readouterr()
    assert f"error: {TWO}/step 1 (a new instance answers the laptop): no socket" in err
    assert "6 agreed" in out
    assert f"2 scenarios: 6 agreed, 7 not run; look at {TWO}" in out
    broke, whole = ET.parse(cases).getroot()
    assert (broke.get("errors"), broke.get("skipped"), whole.get("errors")) == ("1", "6", "0")


def test_a_replaced_file_keeps_its_mode_and_a_new_one_is_as_others(tmp_path: Path) -> None:
    """A report is no secret; what somebody made private stays so. Without a commit nothing changes."""
    private, new = tmp_path / "private", tmp_path / "new"
    private.write_text("of before")
    private.chmod(0o600)
    (tmp_path / "other").write_text("")
    for path in (private, new):
        with Replacement(str(path)) as made:
            made.write("now")
        assert path.read_text() == "now"
    assert private.stat().st_mode & 0o777 == 0o600
    assert new.stat().st_mode == (tmp_path / "other").stat().st_mode
    with Replacement(str(new)) as made:
        os.write(made.fd, b"half")
    assert new.read_text() == "now"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "other", "private"]


class Screen(io.StringIO):
    """A terminal of 40 columns."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def test_a_file_that_no_other_may_replace_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is mounted where it is, or somebody else's: what was written stands in it all the same."""
    kept = tmp_path / "page.md"
    kept.write_text("of before, and longer than what comes")

    def mounted(_self: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", mounted)
    with Replacement(str(kept)) as made:
        made.write("new")
    assert kept.read_text() == "new"
    assert list(tmp_path.iterdir()) == [kept]


def test_what_is_private_stays_so_in_a_file_that_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everybody could read what stood there before, nobody but its user reads what stands there now."""
    kept = tmp_path / "lab.pcapng"
    kept.write_text("of before")
    kept.chmod(0o644)

    def mounted(_self: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", mounted)
    with Replacement(str(kept), private=True) as made:
        made.write("frames")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("frames", 0o600)


def test_two_reports_are_not_written_to_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second would take the first one's place, and say that both are there."""
    file = tmp_path / "report"
    assert main(["play", ONE, "--memory", "--markdown", str(file), "--junit", f"{tmp_path}/./report"]) == 2
    assert "would be both" in capsys.readouterr().err
    assert not file.exists()


def test_progress_is_one_line_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each replaces the one before, none is wider than the window, and nothing stays."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    with Progress(screen) as progress:
        progress.show("bringing the lab up\nnow")
        progress.show("x" * 100)
        progress.clear()
        progress.clear()
        progress.show("more")
    told = screen.getvalue().split("\r\x1b[K")
    assert told == ["", "bringing the lab up now", "x" * 36 + "...", "", "more", ""]


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, terminal: str) -> None:
    """A pipe and a terminal that cannot go back get none of it."""
    monkeypatch.setenv("TERM", "xterm")
    with Progress(pipe := io.StringIO()) as progress:
        progress.show("bringing the lab up")
    monkeypatch.setenv("TERM", terminal)
    with Progress(screen := Screen()) as progress:
        progress.show("bringing the lab up")
    assert (pipe.getvalue(), screen.getvalue()) == ("", "")


def test_a_network_and_none_are_not_both_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The last word would win, and a run of CI would be green with nothing measured."""
    assert main(["play", "first_private_call", "--live", "--memory"]) == 2
    assert "leave one out" in capsys.readouterr().err


def test_all_scenarios_are_played_by_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ``pelab list`` names is played, a project's own too, and one that diverges is the whole's ending."""
    own = tmp_path / "scenarios"
    own.mkdir()
    text = next(entry for entry in catalogue.scenarios() if entry.name == ONE).path.read_text()
    (own / "mine.py").write_text(text.replace("Outcome.REACHED", "Outcome.NO_ROUTE", 1))
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\nscenarios = ["scenarios"]\n')
    monkeypatch.chdir(tmp_path)
    assert main(["play", "--all", "--memory", "--junit", "report.xml"]) == 1
    played = {suite.get("name"): suite.get("failures") for suite in ET.parse("report.xml").getroot()}
    assert set(played) == {entry.name for entry in catalogue.scenarios()} > {"mine", ONE, TWO}
    assert [name for name, failures in played.items() if failures != "0"] == ["mine"]


def broken_at(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """Have the call of this number (from 1) in memory raise an error."""
    asked, made = memory.Memory.ask, [0]

    def breaking(self: memory.Memory, call: object) -> object:
        made[0] += 1
        if made[0] == number:
            raise error
        return asked(self, call)  # type: ignore[arg-type]

    monkeypatch.setattr(memory.Memory, "ask", breaking)


def test_a_lab_that_broke_prints_no_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads ``--json`` gets nothing that could be taken for a verdict."""
    broken_at(monkeypatch, 2, LiveError("no socket"))
    assert main(["play", ONE, "--memory", "--json"]) == 4
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("ending", "status"), [(LiveError("no socket"), 4), (KeyboardInterrupt(), 130)])
def test_what_was_played_before_it_ended_stands_in_the_report(
    ending: BaseException, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step before keeps its verdict, the one in which it ended is an error; an older report is gone."""
    cases = tmp_path / "pelab.xml"
    cases.write_text("green, of before")
    broken_at(monkeypatch, 2, ending)
    assert main(["play", ONE, "--memory", "--junit", str(cases)]) == status
    (suite,) = ET.parse(cases).getroot()
    fits(ET.parse(cases).getroot())
    first, second, *_ = suite.iter("testcase")
    assert [case.find("error") is not None for case in (first, second)] == [False, True]
    assert first.find("skipped") is None
    assert suite.get("errors") == "1"


def test_a_scenario_that_cannot_be_is_told_before_the_first_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the verdicts on those before it would be lost with it."""
    bad = tmp_path / "bad.py"
    text = next(entry for entry in catalogue.scenarios() if entry.name == ONE).path.read_text()
    bad.write_text(text.replace('"vsi-1"', '"vsi-9"'))
    assert main(["play", ONE, str(bad), "--memory"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "did you mean 'vsi-1'?" in err


def test_a_lab_that_ended_when_all_was_played_is_no_green_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What came after the last step stands in the reports, too: they are written when the lab was looked at."""

    class Gone:
        def compare(self) -> object:
            raise LiveError("the lab has ended")

    with Progress() as progress:
        player = Player(mode=Mode.MEMORY, narrated=False, verbose=False, progress=progress)
        player.play(catalogue.load_scenario(ONE))
        assert player.plays[0].agreed
        assert played(player, [], cast("Attached", Gone())) == ""
    assert "the lab has ended" in capsys.readouterr().err
    assert [play.error for play in player.plays] == ["the lab has ended"]
    assert not player.plays[0].agreed
