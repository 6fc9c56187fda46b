"""``pelab play``: a scenario, told while it happens, in memory or on a live network."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON, SCENARIO
from lab.cli.status import Status


@click.command("play")
@SCENARIO
@click.option(
    "--live/--memory",
    default=None,
    help="Bring the network up and measure, or play without sockets (default: live where this machine can).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the evidence of every step, agreed ones too.")
@JSON
def command(*, scenario: str, live: bool | None, verbose: bool, as_json: bool) -> Status:
    """Play SCENARIO, a name (pelab list) or a path, and compare what is stated, predicted and measured.

    A step on which all voices agree is one line; any other is shown with everything that was seen.
    Ends with 0 when all voices agree at every step, with 1 when they diverge or a denial proves nothing.
    """
    if live is not False:
        from lab.live.lab import shared

        shared()  # it imports the lab's parts on another core while this process imports its own
    from lab.catalogue import load_scenario
    from lab.play.runner import Mode, play

    played = load_scenario(scenario)
    chosen = Mode.LIVE if live or (live is None and _can_be_live()) else Mode.MEMORY
    if as_json:
        from lab.report import json

        report = play(played, chosen)
        click.echo(json.text(json.play(report)))
    else:
        from lab.report.screen import screen
        from lab.report.walkthrough import Walkthrough

        told = Walkthrough(screen(), played, chosen, verbose=verbose)
        report = play(played, chosen, on_step=told.step)
        told.closing(report)
    return Status.AGREED if report.agreed else Status.DIVERGED


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
