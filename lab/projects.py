"""A project's own settings: the table ``[tool.pelab]`` of the nearest ``pyproject.toml`` that has one.

It names folders; what is in them is the catalogue's business.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from lab.errors import ModelError, Problem, nearest

FILE: Final = "pyproject.toml"
KEYS: Final = ("topologies", "scenarios")


def folders(kind: str, start: Path) -> list[Path]:
    """Return the folders of ``kind`` (a key) of the project in or above ``start``; empty if there is none.

    Raises:
        ModelError: The settings cannot be read, have an unknown key or a wrong value, or name no folder.
    """
    home = project_of(start)
    return [] if home is None else _checked(_table(home / FILE), home / FILE)[kind]


def project_of(start: Path) -> Path | None:
    """Return the nearest folder, ``start`` or above, whose settings speak of pelab; None if there is none."""
    for home in (start, *start.parents):
        try:
            there = (home / FILE).is_file()
        except OSError:  # a folder that this user may not look into has nothing to say to him
            continue
        if there and _table(home / FILE) is not None:
            return home
    return None


def _table(settings: Path) -> object:
    """Return ``tool.pelab``, or None where the project says nothing of pelab."""
    try:
        document: dict[str, Any] = tomllib.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOML's and Unicode's own are ValueErrors
        raise ModelError(Problem(where=str(settings), text=f"cannot be read: {error}")) from None
    tool = document.get("tool", {})
    return tool.get("pelab") if isinstance(tool, dict) else None


def _checked(table: object, settings: Path) -> dict[str, list[Path]]:
    """Return the folders by key; ModelError with everything that is wrong."""
    place, example = f"{settings}: tool.pelab", 'such as topologies = ["topologies"]'
    if not isinstance(table, dict):
        raise ModelError(Problem(where=place, text=f"{table!r} is no table", hint=example))
    found: dict[str, list[Path]] = {key: [] for key in KEYS}
    problems = []
    for key, names in table.items():
        if key not in found:
            problems.append(Problem(where=f"{place}.{key}", text="no such setting", hint=nearest(key, KEYS)))
        elif not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            problems.append(Problem(where=f"{place}.{key}", text=f"{names!r} is no list of folders", hint=example))
        else:
            found[key] = [settings.parent / name for name in names]
            problems += [
                Problem(where=f"{place}.{key}", text=f"no folder {name!r}", hint=f"mkdir {settings.parent / name}")
                for name in names
                if not (settings.parent / name).is_dir()
            ]
    if problems:
        raise ModelError(*problems)
    return found
