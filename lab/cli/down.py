"""``pelab down``: take labs down."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON
from lab.cli.named import LABS
from lab.errors import PelabError, TearDownFailed


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
        down, failed = list[str](), list[PelabError]()
        for entry in meant:
            try:
                end(labs, entry)
            except PelabError as error:
                failed.append(error)  # the others can be taken down all the same
                continue
            down.append(entry.name)
            if not as_json:
                click.echo(f"{entry.name} is down")
    if as_json:
        from lab.report import json

        click.echo(json.text({"down": down}))
    elif not meant:
        click.echo("no lab is up")
    if failed:
        raise TearDownFailed("\n".join(map(str, failed))) from failed[0]
