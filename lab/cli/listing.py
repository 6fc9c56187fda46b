"""``pelab list``: what can be played and brought up, by name."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON


@click.command("list")
@JSON
def command(*, as_json: bool) -> None:
    """List topologies and scenarios, a project's own included."""
    from lab.catalogue import scenarios, topologies

    found = {"topologies": topologies(), "scenarios": scenarios()}
    if as_json:
        from lab.report import json

        click.echo(json.text(json.catalogue(found)))
        return
    for kind, entries in found.items():
        click.secho(kind, bold=True)
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            click.echo(f"  {entry.name:{width}}  {entry.summary}")
