"""``pelab run``: one command in one host of a topology, with the host's network, names and environment."""

from __future__ import annotations

import click

from lab.cli.arguments import HOST, SETTINGS, TOPOLOGY, parameters, standing
from lab.cli.progress import Progress


@click.command("run")
@TOPOLOGY
@HOST
@click.argument("arguments", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@SETTINGS
def command(*, topology: str, host: str, arguments: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Bring TOPOLOGY up, run COMMAND in HOST from this folder, take it down.

    On a terminal the command has a terminal; in a pipe it is part of the pipe. Ends with the command's own status,
    or with 125 when it could not be run.
    """
    from lab.catalogue import load_topology
    from lab.cli import inside
    from lab.live.client import LiveLab

    world = load_topology(topology, **parameters(settings)).world()
    world.host(host)  # a wrong name is found before anything is brought up
    folder = standing()
    with Progress() as progress:
        progress.show(f"{topology}: bringing the lab up ...")
        with LiveLab(world, shared=[folder]) as lab:
            progress.clear()
            return inside.run(lab.host(host), arguments, folder)
