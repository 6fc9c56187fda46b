"""A walkthrough shows three voices side by side, and a judgement that is legible without colour and without Unicode."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from lab.describe.inclusion import TopologyRef
from lab.describe.scenario import Scenario
from lab.model.outcome import Evidence, Expectation, Hop, Outcome, Verdict
from lab.play.runner import Mode, Report, StepReport
from lab.report import json as documents
from lab.report.screen import screen
from lab.report.walkthrough import Walkthrough

DENIED = Verdict(
    outcome=Outcome.TIMED_OUT,
    cause="edge.no-vrf",
    hops=(Hop(place="vsi-1", fact="route"), Hop(place="provider edge", fact="account acme has no VRF: dropped")),
)
DROP = Evidence(kind="drop", where="provider edge", detail="edge.no-vrf counted 1 packet")
LOG = Evidence(
    kind="service-log",
    where="kms/public/keys",
    detail=json.dumps({
        "request_id": "f00", "time": 1.5, "decision": "deny", "status": 401, "rule": "policy.private-only",
        "method": "GET", "path": "/api/v2/keys", "subject": "", "caller": "203.0.113.10", "caller_port": 4000,
    }),
)  # fmt: skip


WAY = (
    Hop(place="vsi-1:eth0", fact="1 frame"),
    Hop(place="backbone", fact="edge.no-vrf: 10.65.0.66:40000 > 166.9.12.20:9042 tcp"),
)


def step(measured: Outcome | None, *, vacuous: bool = False, why: str = "") -> StepReport:
    """Return a step whose author states and whose oracle predicts a time-out."""
    return StepReport(
        text="no VRF, no way",
        stated=Expectation(outcome=Outcome.TIMED_OUT),
        predicted=DENIED,
        measured=measured,
        cause="edge.no-vrf",
        evidence=(DROP, LOG),
        agreed=not why,
        vacuous=vacuous,
        why=why,
        way=() if measured is None else WAY,
    )


AGREED = step(Outcome.TIMED_OUT)
DIVERGED = step(Outcome.REFUSED, why="predicted timed-out, measured refused")
VACUOUS = step(Outcome.TIMED_OUT, vacuous=True, why="vacuous: no listener answered")
SILENT = step(None)


def report(*steps: StepReport, mode: Mode = Mode.LIVE, total: int | None = None) -> Report:
    """Return the report of a run of ``steps``."""
    backend = "tables" if mode is Mode.LIVE else None
    count = len(steps) if total is None else total
    return Report(scenario="no_vrf", story="", mode=mode, vrf_backend=backend, steps=steps, total=count)


def drawn(console: Console, told: Report, *, verbose: bool = True) -> str:
    """Return what the walkthrough of ``told`` draws on ``console``, whose file is a StringIO."""
    scenario = Scenario(
        topology=TopologyRef(name="single_account"), steps=(), name="no_vrf", story="Nothing gets out.\n\nMore."
    )
    walk = Walkthrough(console, scenario, told.mode, verbose=verbose)
    for one in told.steps:
        walk.step(one)
    walk.closing(told)
    page = console.file
    assert isinstance(page, io.StringIO)
    return page.getvalue()


def test_voices_stand_side_by_side_with_their_proof() -> None:
    """Stated, predicted, measured in one line; then rule, way and evidence, one line each."""
    lines = [" ".join(line.split()) for line in drawn(screen(io.StringIO()), report(AGREED)).splitlines()]
    assert lines[:2] == ["no_vrf · live", "Nothing gets out."]
    assert "1 ✔ no VRF, no way" in lines
    assert "stated timed-out predicted timed-out measured timed-out" in lines
    assert any(line.startswith("because edge.no-vrf (assumed): ") for line in lines)
    assert "way vsi-1:eth0 ━━ provider edge ━╳ timed-out" in lines
    assert "predicted way vsi-1 ┄┄ provider edge ┄╳ account acme has no VRF: dropped" in lines
    assert "drop provider edge: edge.no-vrf counted 1 packet" in lines
    log = "deny 401 by policy.private-only: GET /api/v2/keys of nobody from 203.0.113.10:4000"
    assert f"service-log kms/public/keys: {log}" in lines
    assert "✔ 1 agreed (three voices, VRF by tables)" in lines
    assert "assumed rules behind these verdicts: edge.no-vrf (1)" in lines


@pytest.mark.parametrize("verbose", [False, True])
def test_what_is_not_agreed_is_shown_whole(verbose: bool) -> None:
    """An agreement is two lines, voices and way, unless more is asked for; all else always shows everything."""
    text = drawn(screen(io.StringIO()), report(AGREED, DIVERGED, VACUOUS), verbose=verbose)
    lines = (
        "  1 ✔ no VRF, no way: stated = predicted = measured timed-out\n"
        "      vsi-1:eth0 ━━ provider edge ━╳ edge.no-vrf (assumed)\n"
    )
    assert (lines in text) is not verbose
    whole = 3 if verbose else 2
    for label in ("because ", "way ", "predicted way ", "drop ", "service-log "):
        assert text.count(f"      {label}") == whole
    silent = drawn(screen(io.StringIO()), report(SILENT, mode=Mode.MEMORY), verbose=False)
    assert "stated = predicted timed-out\n      predicted vsi-1 ┄┄ provider edge ┄╳ edge.no-vrf (assumed)\n" in silent


def test_what_was_measured_never_looks_like_what_is_predicted() -> None:
    """Without a network no line is solid; where packets were seen, the agreed step shows their way and no other."""
    silent = drawn(screen(io.StringIO()), report(SILENT, mode=Mode.MEMORY), verbose=True)
    assert "┄" in silent
    assert "━" not in silent
    live = drawn(screen(io.StringIO()), report(AGREED), verbose=False)
    assert "━" in live
    assert "┄" not in live


def test_a_way_ends_where_packets_were_last_seen() -> None:
    """The oracle is not asked: a measured way that stops short of the predicted one is drawn as short as it is."""
    lost = replace(DIVERGED, way=WAY[:1])
    lines = [" ".join(line.split()) for line in drawn(screen(io.StringIO()), report(lost)).splitlines()]
    assert "way vsi-1:eth0 ━╳ refused" in lines
    assert "predicted way vsi-1 ┄┄ provider edge ┄╳ account acme has no VRF: dropped" in lines


def test_a_door_that_answered_stands_for_the_place_of_the_doors() -> None:
    """The service's log says more than the report of its listener; what only arrived is told as that."""
    doors, door = (Hop(place="private-services", fact="door.private"), Hop(place="kms/private/keys", fact="allow 200"))
    there = replace(AGREED, measured=Outcome.REACHED, way=(WAY[0], doors, door))
    text = drawn(screen(io.StringIO()), report(there, replace(there, way=(WAY[0], doors))), verbose=False)
    assert "      vsi-1:eth0 ━━ kms/private/keys ━▶ " in text
    assert "      vsi-1:eth0 ━━ private doors ━▶ " in text


def test_a_change_has_no_way() -> None:
    """Neither one that was done, nor a route that the kernel refused."""
    hop = Hop(place="vsi-1/routes", fact="no such neighbour")
    for outcome, cause in ((Outcome.DONE, "operator.done"), (Outcome.CONFLICT, "host.route-refused")):
        done = replace(
            SILENT, stated=Expectation(outcome=outcome), predicted=Verdict(outcome=outcome, cause=cause, hops=(hop,))
        )
        for verbose in (False, True):
            text = drawn(screen(io.StringIO()), report(done, mode=Mode.MEMORY), verbose=verbose)
            assert "┄" not in text


@pytest.mark.parametrize(
    "told,last",
    [
        pytest.param(report(AGREED, DIVERGED), "✘ 1 agreed, 1 diverged", id="diverged"),
        pytest.param(report(AGREED, VACUOUS), "? 1 agreed, 1 vacuous", id="vacuous"),
        pytest.param(report(VACUOUS, DIVERGED), "✘ 1 diverged, 1 vacuous", id="the-worst-leads"),
    ],
)
def test_the_count_tells_judgements_apart(told: Report, last: str) -> None:
    """A vacuous denial is neither agreed nor diverged, and the reason stands under the step."""
    text = drawn(screen(io.StringIO()), told)
    assert last in text
    for one in told.steps:
        assert one.why in text


def test_like_evidence_is_counted() -> None:
    """Three drops at one place are one line for people, and three entries for programs."""
    thrice = replace(AGREED, evidence=(DROP, DROP, DROP, LOG))
    assert "edge.no-vrf counted 1 packet; and 2 more\n" in drawn(screen(io.StringIO()), report(thrice))
    assert len(documents.play(report(thrice))["steps"][0]["evidence"]) == 4


def test_a_silent_voice_is_a_dash() -> None:
    """Without a network the third voice says nothing; it never repeats the second."""
    text = drawn(screen(io.StringIO()), report(SILENT, mode=Mode.MEMORY))
    assert "measured –" in text
    assert "(nothing was measured)" in text


def test_steps_that_were_not_run_are_counted() -> None:
    """A run that ended early says how much of it is missing."""
    assert "3 further steps were not run" in drawn(screen(io.StringIO()), report(DIVERGED, total=4))


def test_no_unicode_no_glyphs() -> None:
    """Where the terminal has letters only, letters are printed and nothing else."""

    class Latin(io.StringIO):
        encoding = "ascii"

    text = drawn(screen(Latin()), report(AGREED, DIVERGED, VACUOUS))
    assert text.isascii()
    for word in ("1 ok", "2 XX", "3 ??", "vsi-1:eth0 == provider edge =X ", "vsi-1 .. provider edge .X "):
        assert word in text


def test_colour_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colour, a pipe and NO_COLOR do not, and the text is the same."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def terminal() -> Console:
        return Console(file=io.StringIO(), force_terminal=True, highlight=False, emoji=False, width=10_000)

    coloured, piped = drawn(terminal(), report(DIVERGED)), drawn(screen(io.StringIO()), report(DIVERGED))
    assert "\x1b[1;31m" in coloured
    assert "\x1b" not in piped
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in drawn(terminal(), report(DIVERGED))


def test_a_narrow_window_folds_under_the_label() -> None:
    """Long facts are folded and stay in their column."""
    narrow = Console(file=io.StringIO(), width=72, highlight=False, emoji=False)
    lines = drawn(narrow, report(AGREED)).splitlines()
    (first,) = [number for number, line in enumerate(lines) if "because" in line]
    assert max(map(len, lines)) <= 72
    assert lines[first + 1].startswith(" " * lines[first].index("edge.no-vrf"))


def test_document_is_what_the_page_says() -> None:
    """The JSON form has the keys of docs/json.md, kebab-case names, and null where nothing was measured."""
    live, memory = documents.play(report(AGREED, VACUOUS)), documents.play(report(SILENT, mode=Mode.MEMORY))
    assert set(live) == {"scenario", "mode", "agreed", "vrf_backend", "steps"}
    assert (live["scenario"], live["mode"], live["vrf_backend"]) == ("no_vrf", "live", "tables")
    assert (live["agreed"], memory["agreed"]) == (False, True)
    first = live["steps"][0]
    assert first == {
        "number": 1,
        "text": "no VRF, no way",
        "stated": "timed-out",
        "stated_cause": None,
        "predicted": "timed-out",
        "measured": "timed-out",
        "cause": "edge.no-vrf",
        "way": [{"place": hop.place, "fact": hop.fact} for hop in WAY],
        "evidence": [
            {"kind": "drop", "where": "provider edge", "detail": "edge.no-vrf counted 1 packet"},
            {"kind": "service-log", "where": "kms/public/keys", "detail": LOG.detail},
        ],
        "agreed": True,
        "vacuous": False,
        "why": "",
        "assumed": ["edge.no-vrf"],
    }
    assert memory["steps"][0]["measured"] is None
    assert memory["vrf_backend"] is None
    assert json.loads(documents.text(live)) == live
