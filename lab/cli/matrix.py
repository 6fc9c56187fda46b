"""``pelab matrix``: every host's call to every endpoint, predicted and, on a live network, measured."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON, SETTINGS, TOPOLOGY, parameters
from lab.cli.status import Status


@click.command("matrix")
@TOPOLOGY
@click.option("--live", is_flag=True, help="Bring the network up in the kernel and measure.")
@SETTINGS
@JSON
def command(*, topology: str, live: bool, settings: tuple[str, ...], as_json: bool) -> Status:
    """Ask every host of TOPOLOGY for every endpoint: predicted beside measured.

    Ends with 0 when every cell agrees, with 1 when one diverges or a denial proves nothing.
    """
    from lab.catalogue import load_topology
    from lab.play.matrix import matrix
    from lab.play.runner import Mode

    described = load_topology(topology, **parameters(settings))
    made = matrix(described, Mode.LIVE if live else Mode.MEMORY)
    if as_json:
        from lab.report import json

        click.echo(json.text(json.matrix(made)))
    else:
        from lab.report import matrix as drawn
        from lab.report.screen import screen

        drawn.show(screen(), made)
    return Status.AGREED if made.agreed else Status.DIVERGED
