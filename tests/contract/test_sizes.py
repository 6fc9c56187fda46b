"""Modules and functions stay small, and nothing unfinished gets in."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("lab", "topologies", "scenarios") for path in (ROOT / folder).rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 350, 60
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|pragma: no cover")
NAMELESS = {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_small_and_finished(path: Path) -> None:
    """At most 350 lines a module and 60 a function, no unfinished mark, and a name that says something."""
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert path.stem not in NAMELESS
    assert UNFINISHED.findall(text) == []
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = [f"{node.name}: {length}" for node in functions if (length := _lines(node)) > LONGEST_FUNCTION]
    assert long == []


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
