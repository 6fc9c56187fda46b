"""``pelab matrix``: every host's call to every endpoint, predicted and, on a live network, measured."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import JSON, MAYBE_TOPOLOGY, SETTINGS, parameters
from lab.cli.progress import Progress
from lab.cli.status import Status
from lab.cli.upon import LAB

if TYPE_CHECKING:
    from lab.play.matrix import Matrix


@click.command("matrix")
@MAYBE_TOPOLOGY
@click.option("--live", is_flag=True, help="Bring the network up in the kernel and measure.")
@LAB
@SETTINGS
@JSON
def command(*, topology: str | None, live: bool, lab: str | None, settings: tuple[str, ...], as_json: bool) -> Status:
    """Ask every host of TOPOLOGY, or of a lab that is up, for every instance's endpoints: predicted beside measured.

    These are key management and GREP11; what the shared ones say (IAM, TKE, console, broker) is for explain and play.

    With --lab the lab stays as it is: keys are listed and policies read, which the services' log shows.
    Ends with 0 when every cell agrees, with 1 when one diverges or a denial proves nothing.
    """
    if lab is not None and (topology or settings):
        raise click.UsageError("--lab has its own topology: leave TOPOLOGY and --set out")
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        if lab is not None:
            made = _of_a_lab(lab, stack, progress)
        elif topology:
            made = _of_a_topology(topology, settings, progress, live=live)
        else:
            raise click.UsageError("Missing argument 'TOPOLOGY', or --lab LAB")
    if as_json:
        from lab.report import json

        click.echo(json.text(json.matrix(made)))
    else:
        from lab.report import matrix as drawn
        from lab.report.screen import screen

        drawn.show(screen(), made)
    return Status.AGREED if made.agreed else Status.DIVERGED


def _of_a_topology(topology: str, settings: tuple[str, ...], progress: Progress, *, live: bool) -> Matrix:
    from lab.catalogue import load_topology
    from lab.play.matrix import matrix
    from lab.play.runner import Mode

    described = load_topology(topology, **parameters(settings))
    if live:
        progress.show(f"{topology}: bringing the lab up ...")
    return matrix(
        described,
        Mode.LIVE if live else Mode.MEMORY,
        on_begin=lambda number, step: progress.show(f"{topology}: call {number}: {step.text} ..."),
    )


def _of_a_lab(name: str, stack: ExitStack, progress: Progress) -> Matrix:
    """Ask a lab as it is now; what the model cannot know of its hosts is said beside."""
    from lab.cli.named import attached
    from lab.describe.inclusion import TopologyRef
    from lab.live.guest import Guest, present
    from lab.play.matrix import matrix
    from lab.play.runner import Mode

    lab = stack.enter_context(attached(name))
    world, beyond = present(lab)
    for line in beyond:
        click.echo(f"beyond the model: {line}", err=True)
    return matrix(
        TopologyRef(name=lab.entry.name),
        Mode.LIVE,
        world=world,
        backend=lambda first: Guest(lab, first),
        on_begin=lambda number, step: progress.show(f"{lab.entry.name}: call {number}: {step.text} ..."),
    )
