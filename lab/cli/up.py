"""``pelab up``: a topology for as long as you look at it, or, detached, until it is taken down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import JSON, SETTINGS, TOPOLOGY, parameters, standing
from lab.cli.progress import Progress

if TYPE_CHECKING:
    from lab.live.claim import Claim
    from lab.live.registry import Registry
    from lab.model.world import World


@click.command("up")
@TOPOLOGY
@click.option("-d", "--detach", is_flag=True, help="Leave it up, without a terminal, until `pelab down`.")
@click.option("--name", metavar="LAB", help="Call it LAB; by default it is called as its topology.")
@SETTINGS
@JSON
def command(*, topology: str, detach: bool, name: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Bring TOPOLOGY up and give Mininet's command line; leaving it takes everything down.

    Its hosts stand in this folder; `help` there says what can be typed, `exit` leaves it. Other terminals come in by
    `pelab shell HOST`. With -d the lab stays when this command, its terminal and its shell have ended.
    """
    from lab.catalogue import load_topology
    from lab.cli.named import registry
    from lab.live.entry import check_name

    if as_json and not detach:
        raise click.UsageError("--json tells of a lab that stays: pelab up -d --json")
    check_name(name or _named_after(topology))
    world, folder = load_topology(topology, **parameters(settings)).world(), standing()
    with registry() as labs:
        if detach:
            _detach(labs, name or _named_after(topology), topology, world, settings, folder, as_json=as_json)
        else:
            _stay(_claim(labs, name, topology, settings), world, folder)


def _detach(
    labs: Registry, name: str, topology: str, world: World, settings: tuple[str, ...], folder: str, *, as_json: bool
) -> None:
    from lab.live.keeper import Keep, detach

    with Progress() as progress:
        progress.show(f"{name}: bringing the lab up ...")
        entry = detach(
            Keep(
                registry=str(labs.path),
                name=name,
                topology=topology,
                settings=list(settings),
                world=world,
                shared=[folder],
            )
        )
    if as_json:
        from lab.report import json

        click.echo(json.text(json.entry(entry)))
        return
    first = next(iter(entry.hosts), "HOST")
    click.echo(f"{name} is up: {', '.join(entry.hosts) or 'no hosts'}")
    click.echo(f"try: pelab shell {name} {first} | pelab exec {name} {first} -- ip route | pelab down {name}")


def _claim(labs: Registry, name: str | None, topology: str, settings: tuple[str, ...]) -> Claim:
    """Take the name that was given, or the first that is free: a lab in the foreground needs none."""
    from lab.live.entry import begun, free_names
    from lab.live.registry import Taken

    for each in (name,) if name else free_names(_named_after(topology)):
        try:
            return labs.claim(begun(each, topology, list(settings), detached=False))
        except Taken:
            if name:
                raise
    raise AssertionError("free names never end")


def _stay(claim: Claim, world: World, folder: str) -> None:
    from lab.cli.inside import leaving
    from lab.live import terminal
    from lab.live.keeper import kept

    with leaving(), Progress() as progress:
        progress.show(f"{claim.entry.name}: bringing the lab up ...")
        with kept(claim, world, shared=[folder]) as lab:
            progress.clear()
            click.echo(
                f"*** this lab is called {claim.entry.name}; in another terminal: pelab shell {claim.entry.name} HOST",
                err=True,
            )
            terminal.command_line(lab.lab.channel, folder=folder)


def _named_after(topology: str) -> str:
    """Return the name of a topology, which may have been given by path."""
    return Path(topology).stem if topology.endswith(".py") else topology
