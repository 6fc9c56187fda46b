"""Captures of tests as files: one for each test, named after it, so that no two tests share one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lab.errors import LiveError, PelabError
from lab.replacement import Replacement
from lab.testing.fixture import Setting

_LEGIBLE: Final = " []()=,;+-@{}"
_LONGEST: Final = 200


def path(folder: Path, nodeid: str) -> Path:
    """Return the file for a test: folders as in its id, ``tests/test_a.py/test_b[c].pcapng``."""
    file, *names = nodeid.split("::")
    parts = [*Path(file).parts, *(quote(name, safe=_LEGIBLE) for name in names)]
    return folder.joinpath(*map(_short, parts[:-1]), f"{_short(parts[-1])}.pcapng")


def write(setting: Setting, file: Path) -> None:
    """Write the frames of a test's lab since it began; LiveError names the file that cannot be written."""
    live = setting.network(f"the capture {file}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with Replacement(str(file), private=True) as made:
            live.save(made.fd, setting.since)
            made.commit()
    except (OSError, PelabError) as error:
        raise LiveError(f"{file}: {error}") from error


def _short(name: str) -> str:
    """Return a name that a file may have: of one that is too long its beginning, and its digest."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
