"""A live line on a terminal's standard error: what a command waits for. In a pipe, or on a dumb terminal, nothing."""

from __future__ import annotations

import os
import shutil
import sys
from types import TracebackType
from typing import Final, Self, TextIO

_TO_THE_BEGINNING: Final = "\r\x1b[K"


class Progress:
    """One line, which each ``show`` replaces, and which is gone when the block ends.

    Whoever prints on the same terminal calls ``clear`` before.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        """Show nothing yet."""
        self._file = sys.stderr if file is None else file
        self._live = self._file.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}
        self._shown = False

    def show(self, text: str) -> None:
        """Say ``text`` in place of what was said before; what has no room is left out."""
        if not self._live:
            return
        encoding = self._file.encoding or "ascii"
        line = " ".join(text.split()).encode(encoding, "replace").decode(encoding)
        room = shutil.get_terminal_size().columns - 1
        self._file.write(_TO_THE_BEGINNING + (line if len(line) <= room else f"{line[: room - 3]}..."))
        self._file.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._file.write(_TO_THE_BEGINNING)
            self._file.flush()
            self._shown = False

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        self.clear()
