"""``pelab play``: scenarios, told while they happen, in memory or on a live network, and reports of what was seen."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import JSON, REPORT_FILE, SCENARIOS
from lab.cli.status import Status
from lab.cli.upon import LAB
from lab.errors import LiveError

if TYPE_CHECKING:
    from lab.cli.playing import Player
    from lab.describe.scenario import Scenario
    from lab.live.attached import Attached
    from lab.replacement import Replacement
    from lab.report.played import Played

STANDARD_OUTPUT = "-"


@click.command("play")
@SCENARIOS
@click.option("--all", "every", is_flag=True, help="Play every scenario that pelab list names.")
@click.option(
    "--live", "on_network", is_flag=True, help="Bring the network up and measure (default: where this can be)."
)
@click.option("--memory", is_flag=True, help="Play without sockets: nothing is measured.")
@click.option("-v", "--verbose", is_flag=True, help="Show the evidence of every step, agreed ones too.")
@click.option(
    "--markdown", is_flag=False, flag_value=STANDARD_OUTPUT, metavar="[FILE]", type=REPORT_FILE,
    help="Write a page for a pull request; without FILE, or with -, print it.",
)  # fmt: skip
@click.option(
    "--junit", metavar="FILE", type=REPORT_FILE, help="Write JUnit XML, a test case for each step; - prints it."
)
@LAB
@JSON
def command(
    *,
    names: tuple[str, ...],
    every: bool,
    on_network: bool,
    memory: bool,
    verbose: bool,
    markdown: str | None,
    junit: str | None,
    lab: str | None,
    as_json: bool,
) -> Status:
    """Play each SCENARIO, a name (pelab list) or a path, and compare what is stated, predicted and measured.

    A step on which all voices agree is a line, and for a call another with the way of its packets; any other step is
    shown with everything that was seen. Several scenarios make one report.
    With --lab it is played on a lab that is up, of its topology and still in its first state.
    Ends with 0 when all voices agree at every step, with 1 when they diverge or a denial proves nothing.
    """
    names = _chosen(names, every=every, lab=lab)
    live = _mode(on_network=on_network, memory=memory, lab=lab, names=names)
    files, printed = _reports(markdown, junit, as_json=as_json)
    if live is not False and lab is None:
        from lab.live.lab import shared

        shared()  # it imports the lab's parts on another core while this process imports its own
    from lab.catalogue import load_scenario
    from lab.cli.named import attached
    from lab.cli.playing import Player
    from lab.cli.progress import Progress
    from lab.play.runner import Mode, rehearsable
    from lab.replacement import Replacement

    scenarios = [load_scenario(name) for name in names]
    for scenario in scenarios[1:]:  # before the first is played, which looks at itself
        rehearsable(scenario)
    with contextlib.ExitStack() as stack:
        # before anything is played: who cannot write a report is told now
        opened = {form: stack.enter_context(Replacement(name)) for form, name in files.items()}
        chosen = Mode.LIVE if lab or live or (live is None and _can_be_live()) else Mode.MEMORY
        progress = stack.enter_context(Progress())
        player = Player(mode=chosen, narrated=not printed, verbose=verbose, progress=progress)
        conversation = stack.enter_context(attached(lab)) if lab is not None else None
        why = ""
        try:
            why = played(player, scenarios, conversation)
        finally:  # whatever ended it, what was played is told
            _tell(player.plays, printed, opened)
        if why:
            click.echo(why, err=bool(printed))
    if any(one.error for one in player.plays):
        return Status.BROKE
    return Status.AGREED if all(one.agreed for one in player.plays) else Status.DIVERGED


def _reports(markdown: str | None, junit: str | None, *, as_json: bool) -> tuple[dict[str, str], list[str]]:
    """Return which report goes to which file, and which one is printed; UsageError for two in one place."""
    named = {form: name for form, name in (("markdown", markdown), ("junit", junit)) if name is not None}
    printed = [form for form, name in named.items() if name == STANDARD_OUTPUT] + ["json"] * as_json
    if len(printed) > 1:
        raise click.UsageError(
            f"--{printed[0]} and --{printed[1]} are two documents: print one, and give the other a file"
        )
    files = {form: name for form, name in named.items() if name != STANDARD_OUTPUT}
    if len({os.path.realpath(name) for name in files.values()}) < len(files):
        raise click.UsageError(f"--markdown and --junit are two documents, and {markdown} would be both")
    return files, printed


def played(player: Player, scenarios: list[Scenario], lab: Attached | None) -> str:
    """Play all; return what is to be said of a lab that is up, and another than before."""
    from lab.cli.upon import changed, guest

    for place, scenario in enumerate(scenarios):
        if place and player.narrated:
            click.echo()
        player.play(scenario, None if lab is None else guest(lab, scenario))
    try:
        return "" if lab is None else changed(lab)
    except LiveError as error:
        player.broke(error)
        return ""


def _tell(plays: list[Played], printed: list[str], opened: dict[str, Replacement]) -> None:
    """Print and write the reports, and say where those are; nothing of what never began."""
    if not plays:
        return
    if len(plays) > 1 and not printed:
        from lab.report.played import counts

        wrong = [one.report.scenario for one in plays if not one.agreed]
        click.echo(f"\n{len(plays)} scenarios: {counts(plays)}" + (f"; look at {', '.join(wrong)}" if wrong else ""))
    for form in printed:
        if text := _document(form, plays):
            click.echo(text, nl=not text.endswith("\n"))
    for form, file in opened.items():
        file.write(_document(form, plays))
        click.echo(f"{form} is in {file.path}", err=bool(printed))


def _document(form: str, plays: list[Played]) -> str:
    match form:
        case "markdown":
            from lab.report import markdown

            return markdown.document(plays)
        case "junit":
            from lab.report import junit

            return junit.document(plays)
        case _:
            from lab.report import json

            if len(plays) > 1:
                return json.text(json.plays(plays))
            # of a lab that broke there is no verdict, and no document that could be taken for one
            return "" if plays[0].error else json.text(json.play(plays[0].report))


def _can_be_live() -> bool:
    """Say whether this machine can bring a lab up, by trying; when it cannot, say why and what mends it."""
    from lab.errors import EnvironmentProblem
    from lab.live.lab import shared

    try:
        shared().lab().close(wait=False)  # an empty one, in a few milliseconds: it needs all kinds of namespaces
    except EnvironmentProblem as problem:
        click.echo(f"played in memory, nothing is measured: {problem}", err=True)
        return False
    return True


def _chosen(names: tuple[str, ...], *, every: bool, lab: str | None) -> tuple[str, ...]:
    """Return the scenarios that are meant, of ``every`` all; UsageError if none is, or all and one."""
    if not every:
        if not names:
            raise click.UsageError("say which SCENARIO (pelab list names them), or --all")
        return names
    if names:
        raise click.UsageError(f"--all plays {names[0]} as well: leave one out")
    if lab is not None:
        raise click.UsageError("--all brings each scenario's own lab up: leave --lab out")
    from lab.catalogue import scenarios

    return tuple(entry.name for entry in scenarios())


def _mode(*, on_network: bool, memory: bool, lab: str | None, names: tuple[str, ...]) -> bool | None:
    """Return whether it is played on a network, None: where this machine can; UsageError for what excludes itself."""
    if on_network and memory:
        raise click.UsageError("--live measures and --memory does not: leave one out")
    if lab is not None and memory:
        raise click.UsageError("--lab is a network, and --memory is none: leave one out")
    if lab is not None and len(names) > 1:
        raise click.UsageError(f"one scenario at a time on a lab that is up: {names[0]} may leave it changed")
    return True if on_network else False if memory else None
