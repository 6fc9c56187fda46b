"""``pelab completion``: the script that makes a shell complete commands, scenarios, topologies and hosts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(pelab completion bash)"       in ~/.bashrc
    zsh:   eval "$(pelab completion zsh)"        in ~/.zshrc
    fish:  pelab completion fish | source        in config.fish
    """  # noqa: D301 - click's mark for "do not rewrap"
    from lab.cli.main import COMPLETION, NAME, pelab

    kind = get_completion_class(shell)
    assert kind is not None  # click knows the three that can be chosen
    click.echo(kind(pelab, {}, NAME, COMPLETION).source())
