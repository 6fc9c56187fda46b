"""``docs/coverage.md``: every sentence of the product's page with its rules, scenarios and tests.

``python -m tests.contract.coverage > docs/coverage.md`` writes it from ``docs/coverage.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.model.rules import PAGE

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sentence, or the part of one that ``part`` names, and what stands for it.

    ``open`` says what it waits for; ``pointer`` why the sentence states nothing that could fail.
    """

    anchor: str
    says: str
    part: str = ""
    rules: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    open: str = ""
    pointer: str = ""

    @property
    def state(self) -> str:
        """Return covered, open or pointer; empty where it is none of them, or two."""
        proved = (self.rules, self.scenarios, self.tests)
        if self.open or self.pointer:
            alone = not self.scenarios and not self.tests and bool(self.open) is not bool(self.pointer)
            return "" if not alone else "open" if self.open else "pointer"
        return "covered" if all(proved) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the page, by its anchor."""

    anchor: str
    title: str
    rows: tuple[Row, ...]


def sections(path: Path = ROOT / "docs" / "coverage.toml") -> tuple[Section, ...]:
    """Return the page, section by section; ``TypeError`` where a row has a word that none may have."""
    return tuple(_section(found) for found in tomllib.loads(path.read_text())["section"])


def markdown(page: tuple[Section, ...]) -> str:
    """Return the page's coverage as people read it."""
    states = [row.state for section in page for row in section.rows]
    lines = [
        "# Coverage",
        "",
        "Generated from `docs/coverage.toml` by `python -m tests.contract.coverage > docs/coverage.md`; do not edit.",
        "",
        f"Every sentence of [the product's page]({PAGE}), with the [rules](rules.md) that say it, scenarios that would"
        " be red if it were not so, and tests that hold it. *Open* says what a sentence waits for. A sentence that has"
        " two sides has a row for each.",
        "",
        f"{len(states)} rows: {states.count('covered')} covered, {states.count('open')} open,"
        f" {states.count('pointer')} state nothing that could fail.",
    ]
    for section in page:
        lines += ["", f"## {section.title}", "", f"`#{section.anchor}`", ""]
        lines += ["| the page says | rules | scenarios | tests |", "| --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(_cells(row))} |" for row in section.rows]
    return "\n".join(lines) + "\n"


def _section(found: dict[str, Any]) -> Section:
    rows: list[dict[str, Any]] = [
        {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in found["sentences"]
    ]
    return Section(
        anchor=found["anchor"],
        title=found["title"],
        rows=tuple(Row(anchor=found["anchor"], **row) for row in rows),
    )


def _cells(row: Row) -> Iterator[str]:
    said = row.says if row.says.startswith("`") else row.says.replace("<", "\\<")
    yield (said + (f" (*{row.part}*)" if row.part else "")).replace("|", "\\|")
    yield _named(row.rules)
    match row.state:
        case "open":
            yield f"*open*: waits for {row.open}"
            yield ""
        case "pointer":
            yield f"none: {row.pointer}"
            yield ""
        case _:
            yield _named(row.scenarios)
            yield _named(row.tests)


def _named(names: tuple[str, ...]) -> str:
    return "<br>".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(markdown(sections()), end="")
