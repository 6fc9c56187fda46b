"""``pelab capture``: every frame that a lab kept, as a pcapng file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import JSON
from lab.cli.named import LAB_AND_FILE
from lab.errors import EnvironmentProblem
from lab.replacement import Replacement

if TYPE_CHECKING:
    from lab.live.attached import Attached
    from lab.live.world import Saved


@click.command("capture")
@LAB_AND_FILE
@JSON
def command(*, words: tuple[str, ...], as_json: bool) -> None:
    """Write what LAB (the only one, where none is named) captured so far to FILE, for Wireshark.

    FILE is replaced once all is written; - is standard output, for a pipe.
    """
    from lab.cli.named import attached, divided, labs_offered

    name, file = divided(words, "FILE")
    if name is None and file in {lab for lab, _ in labs_offered(click.get_current_context())}:
        raise click.UsageError(f"{file!r} is a lab: pelab capture {file} FILE; ./{file} if that is the file")
    if file == "-" and (as_json or sys.stdout.isatty()):
        raise click.UsageError("a capture is no text: pelab capture - | wireshark -k -i -, or name a file")
    with attached(name) as lab:
        saved = _print(lab) if file == "-" else _replace(lab, file)
    if as_json:
        from lab.report import json

        click.echo(json.text({"file": file, "frames": saved.frames, "lost": saved.lost}))
        return
    lost = f"; {saved.lost} more were lost for want of room" if saved.lost else ""
    where = "on standard output" if file == "-" else f"in {file}"
    click.echo(f"{saved.frames} frames of {lab.entry.name} are {where}{lost}", err=file == "-")


def _print(lab: Attached) -> Saved:
    """Write to standard output, once all of it is there."""
    with tempfile.TemporaryFile() as file:
        saved = lab.save(file.fileno())
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return saved


def _replace(lab: Attached, name: str) -> Saved:
    """Write beside the file, and put it in its place once all is written."""
    with Replacement(name, private=True) as made:
        try:
            saved = lab.save(made.fd)
        except EnvironmentProblem as error:
            raise made.failed(error) from error
        made.commit()
    return saved
