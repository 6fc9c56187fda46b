"""``pelab shell``: a shell in a host of a lab that stays."""

from __future__ import annotations

import click

from lab.cli.arguments import standing
from lab.cli.named import LAB_AND_HOST

SHELL = ("bash", "--norc")


@click.command("shell")
@LAB_AND_HOST
def command(*, words: tuple[str, ...]) -> int:
    """Open a shell in HOST of LAB (the only one, where none is named), from this folder.

    Any number of terminals may. In a pipe it reads its commands from there. Ends with the shell's own status, or with
    125 when there could be none.
    """
    from lab.cli import inside
    from lab.cli.named import attached, check_host, divided

    name, host = divided(words, "HOST")
    folder = standing()
    with attached(name) as lab:
        check_host(lab.entry, host)
        return inside.run(lab.host(host), SHELL, folder)
