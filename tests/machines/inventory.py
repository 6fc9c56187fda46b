"""What stands on a machine, and how two inventories of it differ."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

Inventory = dict[str, str]
"""What a thing is (``file /etc/hosts``, ``package make``, ``user vagrant``), and all that is compared of it."""

ELSEWHERE: Final = ("proc", "sys", "dev", "run")
"""File systems of the running machine, below the root."""
CACHES: Final = ("var/cache", "var/log", "var/lib/apt/lists")
"""What may change although nothing does, below the root."""
CACHE_NAMES: Final = {"__pycache__", ".cache", ".pytest_cache", ".hypothesis"}
"""Folders of caches, wherever they are."""


def take(root: Path) -> Inventory:
    """Take the inventory of the machine in ``root``: files, packages and users; not ``ELSEWHERE``, not caches."""
    found = {f"file /{path.relative_to(root)}": _described(path) for path in _files(root)}
    for package in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        if told := dict(re.findall(r"^(Package|Version|Status): (.*)$", package, re.MULTILINE)):
            found[f"package {told['Package']}"] = f"{told.get('Version')} {told['Status']}"
    for line in (root / "etc/passwd").read_text().splitlines():
        found[f"user {line.split(':')[0]}"] = line
    return found


def differences(before: Inventory, after: Inventory) -> list[str]:
    """Return a line for each thing that came, went or changed."""
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {before.get(name, 'not there')} -> {after.get(name, 'not there')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def _files(root: Path) -> Iterator[Path]:
    """Yield every file, folder and link whose state is compared."""
    left_out = {str(root / name) for name in (*ELSEWHERE, *CACHES)}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if f"{folder}/{name}" not in left_out and name not in CACHE_NAMES]
        yield from (Path(folder, name) for name in (*folders, *files))


def _described(path: Path) -> str:
    """Return mode, owner, size and content of a file; of a folder all but size, of a link where it leads."""
    state = path.lstat()
    words = [stat.filemode(state.st_mode), f"{state.st_uid}:{state.st_gid}"]
    if stat.S_ISLNK(state.st_mode):
        words.append(str(path.readlink()))
    elif stat.S_ISREG(state.st_mode):
        with path.open("rb") as file:
            words += [str(state.st_size), hashlib.file_digest(file, "sha256").hexdigest()]
    return " ".join(words)
