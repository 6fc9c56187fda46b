"""``pelab ls``: the labs that are up."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON


@click.command("ls")
@JSON
def command(*, as_json: bool) -> None:
    """List the labs of this user that are up."""
    from lab.cli.named import registry

    with registry() as labs:
        found = labs.labs()
    if as_json:
        from lab.report import json

        click.echo(json.text({"labs": [json.entry(one) for one in found]}))
        return
    from lab.report import labs as drawn
    from lab.report.screen import screen

    drawn.show(screen(), found)
