"""``pelab status``: one lab, its hosts and instances, and who is in it."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON
from lab.cli.named import LABS


@click.command("status")
@LABS
@JSON
def command(*, words: tuple[str, ...], as_json: bool) -> None:
    """Say what LAB (the only one, where none is named) consists of, and what runs in it.

    Ends with 4 when it does not answer.
    """
    from lab.cli.named import attached

    if len(words) > 1:
        raise click.UsageError(f"one lab at a time, and not {' '.join(words)!r}")
    with attached(words[0] if words else None) as lab:
        state = lab.inspect()
        changed = [] if state.trouble else lab.compare().lines
    if as_json:
        from lab.report import json

        click.echo(json.text(json.status(lab.entry, state, changed)))
        return
    from lab.report import labs as drawn
    from lab.report.screen import screen

    drawn.show_one(screen(), lab.entry, state, changed)
