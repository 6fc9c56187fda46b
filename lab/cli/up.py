"""``pelab up``: a topology for as long as you look at it, with Mininet's own command line."""

from __future__ import annotations

import click

from lab.cli.arguments import SETTINGS, TOPOLOGY, parameters, standing


@click.command("up")
@TOPOLOGY
@SETTINGS
def command(*, topology: str, settings: tuple[str, ...]) -> None:
    """Bring TOPOLOGY up and give Mininet's command line; leaving it takes everything down.

    Its hosts stand in this folder; `help` there says what can be typed, `exit` leaves it.
    """
    from lab.catalogue import load_topology
    from lab.live import terminal
    from lab.live.client import LiveLab

    folder = standing()
    with LiveLab(load_topology(topology, **parameters(settings)), shared=[folder]) as lab:
        terminal.command_line(lab.lab.channel, folder=folder)
