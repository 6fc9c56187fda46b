"""``pelab down``: take labs down."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON
from lab.cli.named import LABS


@click.command("down")
@LABS
@click.option("--all", "everything", is_flag=True, help="Take every lab of this user down.")
@JSON
def command(*, words: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Take LAB down (the only one, where none is named); nothing of it is left."""
    from lab.cli.named import registry
    from lab.live.keeper import end

    if everything and words:
        raise click.UsageError(f"--all, or {' '.join(words)}: not both")
    with registry() as labs:
        meant = labs.labs() if everything else [labs.find(name) for name in words or (None,)]
        for entry in meant:
            end(labs, entry)
            if not as_json:
                click.echo(f"{entry.name} is down")
    if as_json:
        from lab.report import json

        click.echo(json.text({"down": [entry.name for entry in meant]}))
