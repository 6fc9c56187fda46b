"""``pelab capture``: every frame that a lab kept, as a pcapng file."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from lab.cli.arguments import JSON
from lab.cli.named import LAB_AND_FILE
from lab.errors import EnvironmentProblem, ModelError, Problem

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
    from lab.cli.named import attached, divided

    name, file = divided(words, "FILE")
    if file == "-" and (as_json or sys.stdout.isatty()):
        raise click.UsageError("a capture is no text: pelab capture - | wireshark -k -i -, or name a file")
    with attached(name) as lab:
        saved = _save(lab, None if file == "-" else Path(os.path.realpath(file)))
    if as_json:
        from lab.report import json

        click.echo(json.text({"file": file, "frames": saved.frames, "lost": saved.lost}))
        return
    lost = f"; {saved.lost} more were lost for want of room" if saved.lost else ""
    click.echo(f"{saved.frames} frames of {lab.entry.name} are in {file}{lost}", err=file == "-")


def _save(lab: Attached, path: Path | None) -> Saved:
    """Write to ``path``, or to standard output; a file is there whole, or as it was."""
    if path is not None and (path.is_file() or not path.exists()):
        return _replace(lab, path)
    with tempfile.TemporaryFile() as file, contextlib.ExitStack() as stack:
        saved = lab.save(file.fileno())
        file.seek(0)
        out: IO[bytes] = sys.stdout.buffer if path is None else stack.enter_context(path.open("wb"))
        shutil.copyfileobj(file, out)
        out.flush()
    return saved


def _replace(lab: Attached, path: Path) -> Saved:
    """Write beside ``path``, and put it in its place once all is written."""
    try:
        fd, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            saved = lab.save(fd)
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink()
            raise
        finally:
            os.close(fd)
    except FileNotFoundError as error:
        raise ModelError(Problem(where=str(path), text="there is no such folder")) from error
    except (OSError, EnvironmentProblem) as error:
        why = error.text if isinstance(error, EnvironmentProblem) else error.strerror
        fix = f"df -h -i {path.parent}; free some space, or name another file"
        raise EnvironmentProblem(f"{path} cannot be written: {why}", fix=fix) from error
    return saved
