"""``pelab exec``: one command in one host of a lab that stays."""

from __future__ import annotations

import click

from lab.cli.arguments import standing
from lab.cli.named import LAB_AND_HOST, Split


@click.command("exec", cls=Split)
@LAB_AND_HOST
def command(*, words: tuple[str, ...], arguments: tuple[str, ...]) -> int:
    """Run COMMAND in HOST of LAB (the only one, where none is named) from this folder.

    On a terminal the command has a terminal; in a pipe it is part of the pipe. Ends with the command's own status,
    or with 125 when it could not be run.
    """
    from lab.cli import inside
    from lab.cli.named import attached, check_host, divided

    name, host = divided(words, "HOST -- COMMAND...")
    folder = standing()
    with attached(name) as lab:
        check_host(lab.entry, host)
        return inside.run(lab.host(host), arguments, folder)
