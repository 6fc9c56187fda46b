"""Pages whose blocks are run: a project is written from those with a title, and the others are run in it, in order.

The first line of a block says what it is: a language, then ``title="PATH"`` (it is that file of the project), or
``live`` (it needs a network in the kernel), or nothing (it is run). ``text`` is for people only.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
RUN = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}
PATIENCE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a page: its place for people, language, the file that it is (or ``""``), whether it is live."""

    place: str
    language: str
    title: str
    live: bool
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page of this repository, in order."""
    text = (ROOT / page).read_text()
    for found in BLOCK.finditer(text):
        margin, language, rest, inside = found.groups()
        words = dict(word.partition("=")[::2] for word in shlex.split(rest))
        unknown = set(words) - {"title", "live"}
        place = f"{page}:{text.count(chr(10), 0, found.start()) + 1}"
        assert not unknown, f"{place}: nobody knows {unknown}"
        yield Block(
            place=place,
            language=language,
            title=words.get("title", ""),
            live="live" in words,
            text=re.sub(rf"^{margin}", "", inside, flags=re.MULTILINE),
        )


def write(page: str, folder: Path) -> list[Path]:
    """Write the project that a page describes into ``folder``; return its files."""
    made = []
    for block in blocks(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            made.append(path)
    return made


def run(page: str, folder: Path, *, live: bool) -> int:
    """Run a page's blocks in its project, the ``live`` ones or the others; return how many there were.

    Raises:
        AssertionError: One ended with another status than 0, or is of a language that nobody can run.
    """
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    count = 0
    for block in blocks(page):
        if block.title or block.language == "text" or block.live is not live:
            continue
        assert block.language in RUN, f"{block.place}: give it a title, or make it text"
        done = subprocess.run(
            [*RUN[block.language], block.text],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}:\n{block.text}\n{done.stdout}{done.stderr}"
        count += 1
    return count


def table(page: str, head: str) -> list[list[str]]:
    """Return the cells, without backquotes, of every table of a page whose first cell is ``head``."""
    rows: list[list[str]] = []
    inside = False
    for line in (ROOT / page).read_text().splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        if inside and not cells[0].startswith("---"):
            rows.append(cells)
        inside = inside or cells[0] == head
    return rows
