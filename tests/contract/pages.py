"""Pages whose blocks are run as a reader would: from top to bottom, in one folder that is empty at first.

The first line of a block says of which kind it is, and a block of no kind fails its page:

- ``LANGUAGE title="PATH"``: the file of that name, written when its turn comes;
- ``sh`` or ``python``: run; ``live`` beside it: it needs a network in the kernel; ``status=1``: what it ends with;
- ``text output``: what the block before printed, on both streams; ``...`` stands for whatever is left out, and white
  space is as wide as any other, so that long lines can be folded;
- ``text files``: the page's files, one a line;
- ``text elsewhere=FILE``: for another machine than this one; that file of the project says or tries it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
RUN = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}
KINDS = {
    "sh": {"title", "live", "status"},
    "python": {"title", "live", "status"},
    "text": {"title", "output", "files", "elsewhere"},
}
PATIENCE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a page: its place for people, language, what else its first line says, and its text."""

    place: str
    language: str
    words: dict[str, str]
    text: str

    @property
    def title(self) -> str:
        """The file that it is, or ``""``."""
        return self.words.get("title", "")

    @property
    def live(self) -> bool:
        """Whether it needs a network in the kernel."""
        return "live" in self.words

    @property
    def kind(self) -> str:
        """What is done with it: file, run, output, files or elsewhere; AssertionError if nobody can tell."""
        unknown = set(self.words) - KINDS.get(self.language, {"title"})
        assert not unknown, f"{self.place}: nobody knows {unknown}"
        if self.title:
            return "file"
        if self.language in RUN:
            return "run"
        assert len(self.words) == 1, (
            f"{self.place}: a block of no kind: run it, name its file, or say that it is output"
        )
        return next(iter(self.words))


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page of this repository, in order."""
    text = (ROOT / page).read_text()
    found = list(BLOCK.finditer(text))
    assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(found), f"{page}: a block is not closed"
    for each in found:
        margin, first, inside = each.groups()
        language, *rest = shlex.split(first) or [""]
        yield Block(
            place=f"{page}:{text.count(chr(10), 0, each.start()) + 1}",
            language=language,
            words=dict(word.partition("=")[::2] for word in rest),
            text=re.sub(rf"^{margin}", "", inside, flags=re.MULTILINE),
        )


def write(page: str, folder: Path) -> None:
    """Write the files of a page into ``folder``, and run nothing."""
    for block in blocks(page):
        if block.title:
            _write(block, folder)


def run(page: str, folder: Path, *, live: bool, project: Path = ROOT) -> int:
    """Go through a page in ``folder``, without the ``live`` blocks or with them; return how many blocks were run.

    ``project`` is the checkout whose pelab is used.

    Raises:
        AssertionError: A block is of no kind, ended otherwise than it says, or printed something else than is shown.
    """
    runtime = tempfile.mkdtemp(prefix="pelab-")  # a socket's path is short, and pytest's folders are not
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(project),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_RUNTIME_DIR": runtime,
    }
    try:
        return _go_through(list(blocks(page)), folder, environment, live=live)
    finally:
        if live:
            subprocess.run(
                [*RUN["sh"], "pelab down --all"], env=environment, cwd=folder, capture_output=True, check=False
            )
        shutil.rmtree(runtime)


def _go_through(page: list[Block], folder: Path, environment: dict[str, str], *, live: bool) -> int:
    count, said, left_out = 0, "", False
    titles = list(dict.fromkeys(block.title for block in page if block.title))
    for block in page:
        match block.kind:
            case "file":
                _write(block, folder)
            case "files":
                assert block.text.split() == titles, f"{block.place}: the page's files are {titles}"
            case "run":
                left_out = block.live and not live
                said = "" if left_out else _run(block, folder, environment)
                count += not left_out
            case "elsewhere":
                assert (ROOT / block.words["elsewhere"]).is_file(), f"{block.place}: nobody tries this elsewhere"
            case _:
                if not left_out:
                    _compare(block, said)
    return count


def _write(block: Block, folder: Path) -> None:
    path = folder / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def _run(block: Block, folder: Path, environment: dict[str, str]) -> str:
    """Run a block to its end and return what it printed."""
    done = subprocess.run(
        [*RUN[block.language], block.text],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    told = f"{block.place}: ended with {done.returncode}:\n{block.text}\n{done.stdout}"
    assert done.returncode == int(block.words.get("status", 0)), told
    return done.stdout


def _compare(shown: Block, printed: str) -> None:
    """Hold what a page shows against what was printed."""
    assert printed, f"{shown.place}: nothing was run that could have said this"
    pieces = (re.escape(" ".join(piece.split())) for piece in shown.text.split("..."))
    alike = re.fullmatch(".*".join(pieces), " ".join(printed.split()))
    assert alike, f"{shown.place}: this is shown:\n{shown.text}\nand this was printed:\n{printed}"


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
