"""``pelab play``: a scenario, told while it happens, in memory or on a live network."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON, SCENARIO
from lab.cli.status import Status


@click.command("play")
@SCENARIO
@click.option(
    "--live/--memory",
    help="Bring the network up in the kernel and measure, or play without sockets (default: nothing is measured).",
)
@JSON
def command(*, scenario: str, live: bool, as_json: bool) -> Status:
    """Play SCENARIO, a name (pelab list) or a path, and compare what is stated, predicted and measured.

    Ends with 0 when all voices agree at every step, with 1 when they diverge or a denial proves nothing.
    """
    from lab.catalogue import load_scenario
    from lab.play.runner import Mode, play

    played, chosen = load_scenario(scenario), Mode.LIVE if live else Mode.MEMORY
    if as_json:
        from lab.report import json

        report = play(played, chosen)
        click.echo(json.text(json.play(report)))
    else:
        from lab.report.screen import screen
        from lab.report.walkthrough import Walkthrough

        told = Walkthrough(screen(), played, chosen)
        told.opening()
        report = play(played, chosen, on_step=told.step)
        told.closing(report)
    return Status.AGREED if report.agreed else Status.DIVERGED
