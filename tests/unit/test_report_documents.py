"""Markdown and JUnit say of a play what the screen says, and nobody's text can break them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from lab.model.outcome import Evidence, Expectation, Outcome, Verdict
from lab.play.runner import Mode
from lab.report import json, junit, markdown
from lab.report.played import Played
from tests.junit import fits
from tests.unit.test_report_walkthrough import AGREED, DIVERGED, SILENT, VACUOUS, report

ESCAPE, NASTY = "\x1b[31m", 'a | b <script> "q" & `c` [d](e)\n| f'


def played(*steps: object, left: int = 0, error: str = "", mode: Mode = Mode.LIVE, name: str = "no_vrf") -> Played:
    """Return the play of ``steps``, after which ``left`` more were not run."""
    said = replace(report(*steps, mode=mode, total=len(steps) + left), scenario=name)  # type: ignore[arg-type]
    texts = (*(step.text for step in said.steps), *(f"later {number}" for number in range(left)))
    began = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Played(report=said, texts=texts, seconds=(0.25,) * len(steps), began=began, error=error)


def parsed(*plays: Played) -> ET.Element:
    """Return the JUnit document of ``plays``, which fits the schema."""
    root = ET.fromstring(junit.document(plays))
    fits(root)
    return root


def test_junit_has_a_case_for_each_step_and_the_voices_as_properties() -> None:
    """Agreed steps pass; a divergence and a vacuous denial fail, each with its reason and what was seen."""
    (suite,) = parsed(played(AGREED, DIVERGED, VACUOUS, left=1))
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    good, wrong, hollow, later = suite.iter("testcase")
    assert (good.get("classname"), good.get("name"), good.get("time")) == (
        "pelab.no_vrf",
        "step 1: no VRF, no way",
        "0.250",
    )
    assert {one.get("name"): one.get("value") for one in good.iter("property")} == {
        "pelab.1.text": "no VRF, no way",
        "pelab.1.stated": "timed-out",
        "pelab.1.predicted": "timed-out",
        "pelab.1.measured": "timed-out",
        "pelab.1.cause": "edge.no-vrf",
        "pelab.1.verdict": "agreed",
    }
    assert good.find("failure") is None
    failures = [case.find("failure") for case in (wrong, hollow)]
    assert [found.get("type") for found in failures if found is not None] == ["diverged", "vacuous"]
    assert [found.get("message") for found in failures if found is not None] == [DIVERGED.why, VACUOUS.why]
    assert failures[0] is not None
    assert "drop: provider edge: edge.no-vrf counted 1 packet" in str(failures[0].text)
    assert later.find("skipped") is not None


def test_a_lab_that_broke_is_an_error_of_the_step_it_broke_in() -> None:
    """And of no other: what came before keeps its verdict, what would have come was not run."""
    (suite,) = parsed(played(AGREED, left=2, error="step 2: no socket"))
    done, broke, later = suite.iter("testcase")
    assert (done.find("error"), done.find("skipped")) == (None, None)
    found = broke.find("error")
    assert found is not None
    assert found.get("message") == "step 2: no socket"
    assert later.find("skipped") is not None
    assert (suite.get("errors"), suite.get("skipped"), suite.get("failures")) == ("1", "1", "0")
    page = markdown.document([played(AGREED, left=2, error="step 2: no socket")])
    assert "✘ the lab broke" in page
    assert "**The lab broke**: step 2: no socket" in page


def test_several_scenarios_make_one_document() -> None:
    """A suite, a chapter and an object for each; the whole agrees if all do."""
    both = [played(AGREED), played(DIVERGED, name="another")]
    assert [suite.get("name") for suite in parsed(*both)] == ["no_vrf", "another"]
    page = markdown.document(both)
    assert page.startswith("## ✘ pelab: 2 scenarios, 1 agreed, 1 diverged\n")
    assert re.findall(r"^### (.*)$", page, re.MULTILINE) == ["✔ no\\_vrf: 1 agreed", "✘ another: 1 diverged"]
    told = json.plays(both)
    assert (told["agreed"], [one["agreed"] for one in told["plays"]]) == (False, [True, False])


def cells(page: str) -> list[list[str]]:
    """Return the rows of a page's tables, as a reader of Markdown divides them."""
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in page.splitlines() if line.startswith("|")]


def test_markdown_has_a_row_for_each_step() -> None:
    """Stated, predicted, measured, cause and verdict; what is wrong stands below with what was seen."""
    page = markdown.document([played(AGREED, DIVERGED, left=1)])
    head, _, good, wrong, later = ([cell.strip() for cell in row] for row in cells(page))
    assert head == ["", "step", "stated", "predicted", "measured", "cause", "verdict"]
    assert good[:5] == ["1", "no VRF, no way", "timed-out", "timed-out", "timed-out"]
    assert re.fullmatch(r"\[edge\.no-vrf\]\(https://\S+\) \(assumed\)", good[5])
    assert good[6] == "✔ agreed"
    assert (wrong[4], wrong[6]) == ("refused", "✘ diverged")
    assert (later[1], later[6]) == ("later 0", "not run")
    assert f"✘ step 2: {DIVERGED.why}" in page


@pytest.mark.parametrize("measured", [True, False])
def test_markdown_pictures_where_it_died(measured: bool) -> None:
    """Solid arrows where packets were seen, dotted ones where they are predicted, and never both for one step."""
    page = markdown.document([played(AGREED) if measured else played(SILENT, mode=Mode.MEMORY)])
    (picture,) = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    arrows = re.findall(r"n\d (\S+?)\|", picture)
    assert arrows == (["-->"] * 2 if measured else ["-.->"] * 2)
    assert '(["✘ edge.no-vrf"]):::died' in picture
    assert ("Nothing was measured" in page) is not measured


def test_a_cause_that_is_not_agreed_on_is_not_drawn_as_measured() -> None:
    """The picture ends in what was seen, and leaves the model's reason to the table."""
    page = markdown.document([played(DIVERGED)])
    assert '(["✘ step 1 diverged: refused"]):::diverged' in page
    assert '"✘ edge.no-vrf"' not in page


def test_nobodys_text_breaks_a_document() -> None:
    """A step or an answer with bars, tags, quotes, new lines or control characters is text, everywhere."""
    nasty = replace(
        DIVERGED,
        text=NASTY + ESCAPE,
        why=NASTY,
        evidence=(Evidence(kind="http", where=NASTY, detail=NASTY + ESCAPE + "\x00"),),
    )
    (suite,) = parsed(played(nasty, left=1, error=NASTY + ESCAPE))
    assert next(case.get("name") for case in suite.iter("testcase")) == f"step 1: {NASTY}#x1B[31m"
    page = markdown.document([played(nasty)])
    assert {len(row) for row in cells(page)} == {7}
    assert "<script>" not in page
    (summary,) = re.findall("<summary>✘ step 1: (.*)</summary>", page)
    assert summary == "a | b &lt;script&gt; &quot;q&quot; &amp; `c` [d](e) | f", "Markdown does not look into HTML"
    assert "`c`" not in page.replace(summary, "")


def test_what_is_no_call_is_in_the_table_and_not_in_the_picture() -> None:
    """A change that was done has no cause to tell and no way."""
    verdict = Verdict(outcome=Outcome.DONE, cause="operator.done")
    done = replace(
        AGREED,
        stated=Expectation(outcome=Outcome.DONE),
        predicted=verdict,
        measured=Outcome.DONE,
        cause="operator.done",
        way=(),
    )
    page = markdown.document([played(done)])
    assert "mermaid" not in page
    assert "operator" not in page


def test_a_stated_cause_stands_beside_the_outcome() -> None:
    """Where only the cause differs, three equal words would look like agreement."""
    stated = replace(DIVERGED, stated=Expectation(outcome=Outcome.REFUSED, cause="edge.no-vrf"))
    assert any("refused, edge.no-vrf" in cell for row in cells(markdown.document([played(stated)])) for cell in row)


def test_a_lab_that_broke_at_its_end_is_an_error_of_the_end() -> None:
    """All steps agreed, and the lab could not be taken down: no report of it is green."""
    ended = played(AGREED, error="processes stay")
    (suite,) = parsed(ended)
    counted = [suite.get(name) for name in ("tests", "errors", "failures", "skipped")]
    assert counted == ["2", "1", "0", "0"]
    *_, last = suite.iter("testcase")
    assert last.get("name") == "step 2: the lab ends, and is found as it was left"
    assert last.find("error") is not None
    page = markdown.document([ended])
    assert page.startswith("## ✘ no\\_vrf: 1 agreed, 1 not run\n")
    assert "✘ the lab broke" in page


def test_what_is_vacuous_is_vacuous_in_every_report() -> None:
    """Its property, its cell and its reason: nothing of it can be taken for agreed."""
    (suite,) = parsed(played(VACUOUS))
    told = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (told["pelab.1.verdict"], told["pelab.1.why"]) == ("vacuous", VACUOUS.why)
    page = markdown.document([played(VACUOUS)])
    (row,) = cells(page)[2:]
    assert row[6].strip() == "? vacuous"
    assert f"step 1: {VACUOUS.why}" in page


def test_what_was_measured_without_a_way_is_not_drawn_as_predicted() -> None:
    """A measured call of which no place was seen has no arrows: a dotted one would be the model's."""
    assert "mermaid" not in markdown.document([played(replace(AGREED, way=()))])


def test_a_report_says_of_what_is_wrong_all_that_the_screen_says() -> None:
    """The rule with its statement, where the packets were seen, where they were expected, and the evidence."""
    for wrong in (DIVERGED, VACUOUS):
        text = str(ET.fromstring(junit.document([played(wrong)])).findtext(".//failure"))
        (shown,) = re.findall(r"<details open>(.*?)</details>", markdown.document([played(wrong)]), re.DOTALL)
        for kind in ("because", "way", "predicted way", "drop"):
            assert re.search(rf"^{kind}: ", text, re.MULTILINE), (kind, text)
            assert re.search(rf"^- {kind}: ", shown, re.MULTILINE), (kind, shown)
