"""What README, CONTRIBUTING and the pages in docs tell people to type, read or follow exists."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import replace
from pathlib import Path

import click
import pytest
from rich.console import Console

from lab.catalogue import load_scenario, load_topology, world_of
from lab.cli.main import COMMANDS, pelab
from lab.describe.scenario import Scenario
from lab.model.outcome import Hop, Outcome
from lab.model.plane import Plane
from lab.play.runner import Mode, StepReport, play
from lab.report.walkthrough import Walkthrough
from lab.report.way import foreseen
from tests.contract.pages import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))))


def typed(page: str) -> list[list[str]]:
    """Return the command lines of a page's shell blocks, split into words."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def pelab_lines() -> list[list[str]]:
    """Return every ``pelab ...`` line of the README without the program."""
    return [words[1:] for words in typed("README.md") if words[0].endswith("/pelab")]


@pytest.mark.parametrize("words", pelab_lines(), ids=" ".join)
def test_command_parses(words: list[str]) -> None:
    """The command exists and takes these arguments; named topologies, scenarios and hosts exist."""
    with pelab.make_context("pelab", list(words)) as context:
        command = pelab.get_command(context, words[0])
        assert command is not None
        with command.make_context(words[0], list(words[1:]), parent=context) as inner:
            for scenario in inner.params.get("names") or ():
                assert load_scenario(scenario).steps
            if topology := inner.params.get("topology"):
                settings = dict(text.split("=", 1) for text in inner.params["settings"])
                world = load_topology(topology, **settings).world()
                for parameter in ("host", "source"):
                    if name := inner.params.get(parameter):
                        assert world.host(name).name == name


def test_every_command_is_shown() -> None:
    """The README shows each command once at least, and the help lists no other."""
    shown = {words[0] for words in pelab_lines()} | {"completion"}
    assert shown == set(COMMANDS)
    assert "pelab completion bash" in (ROOT / "README.md").read_text()


def test_every_command_has_help() -> None:
    """Each command's module has a ``command`` of its name, with a docstring."""
    with click.Context(pelab) as context:
        for name in COMMANDS:
            command = pelab.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.help


def test_make_targets_exist() -> None:
    """Every ``make TARGET`` that a page mentions is a target."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        mentioned = set(re.findall(r"(?:`|^|&& )make (\w+)", (ROOT / page).read_text(), re.MULTILINE))
        assert mentioned <= targets, page
    assert {"demo", "test", "check", "bench"} <= targets


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_exist(page: str) -> None:
    """Relative links lead somewhere, and so does every path in backquotes."""
    text, own = (ROOT / page).read_text(), {block.title for block in blocks(page)}
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    paths = re.findall(r"`((?:lab|docs|tests|bin|bench|topologies|scenarios)/[\w./-]+)`", text)
    names = [path for path in paths if "NAME" not in path and path not in own]
    places = [(ROOT / page).parent, ROOT]
    missing = [
        name
        for name in (*links, *names)
        if not any((folder / f"{name}{end}").exists() for folder in places for end in ("", ".py"))
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_anchors_exist(page: str) -> None:
    """A link into a page leads to one of its headings."""
    for path, anchor in re.findall(r"\]\(([^)#:]+\.md)#([^)]+)\)", (ROOT / page).read_text()):
        headings = re.findall(r"^#+ (.*)$", ((ROOT / page).parent / path).read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{page}: {path}#{anchor}"


def _measured(scenario: Scenario, step: StepReport) -> StepReport:
    """Return a step as a network measures it that does what is predicted: on the way by the nodes that stand for it."""
    assert step.predicted is not None
    if step.predicted.outcome is Outcome.DONE:
        return replace(step, measured=Outcome.DONE)
    caller, *beyond = foreseen(step.predicted)
    plane = Plane.PRIVATE if "private/" in beyond[-1] else Plane.PUBLIC
    nic = world_of(scenario).hosts[caller].nic(plane)
    assert nic is not None
    way = tuple(Hop(place=place, fact="") for place in (f"{caller}:{nic.name}", *beyond))
    return replace(step, measured=step.predicted.outcome, way=way)


def test_the_real_output_is_what_is_printed_today() -> None:
    """The README's one output is drawn from today's scenario and today's words; only the network is taken as told."""
    told = re.search(r"```text\n\$ pelab play (\w+) --live\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert told is not None
    scenario = load_scenario(told[1])
    model = play(scenario, Mode.MODEL)
    steps = tuple(_measured(scenario, step) for step in model.steps)
    page = io.StringIO()
    drawn = Walkthrough(Console(file=page, width=100, highlight=False, emoji=False), scenario, Mode.LIVE)
    for step in steps:
        drawn.step(step)
    drawn.closing(replace(model, mode=Mode.LIVE, vrf_backend="policy-tables", steps=steps))
    assert told[2].splitlines() == [line.rstrip() for line in page.getvalue().splitlines()]
