"""``pelab run``: one command in one host of a topology, with the host's network, names and environment."""

from __future__ import annotations

import click

from lab.cli.arguments import HOST, SETTINGS, TOPOLOGY, parameters


@click.command("run")
@TOPOLOGY
@HOST
@click.argument("arguments", nargs=-1, required=True, metavar="-- COMMAND...")
@SETTINGS
def command(*, topology: str, host: str, arguments: tuple[str, ...], settings: tuple[str, ...]) -> int:
    """Bring TOPOLOGY up, run COMMAND in HOST, take it down.

    Ends with the command's own status, or with 125 when it could not be run.
    """
    from lab.catalogue import load_topology
    from lab.live.lab import Lab

    world = load_topology(topology, **parameters(settings)).world()
    world.host(host)  # a wrong name is found before anything is brought up
    with Lab(world) as lab:
        status: int = lab.run(host, arguments).returncode
    # A death by signal N is told as shells tell it.
    return status if status >= 0 else 128 - status
