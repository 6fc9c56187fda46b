"""The catalogue: finds topologies and scenarios by name or path and loads them.

Shipped ones lie beside the package in a checkout and inside it in a wheel. A project's own come from
the folders that its ``pyproject.toml`` names::

    [tool.pelab]
    topologies = ["topologies"]
    scenarios = ["scenarios"]

Packages bring theirs by the entry-point groups ``pelab.topologies`` and ``pelab.scenarios`` (a value
is an importable module). Nothing is imported under a top-level name of its own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from lab.describe.scenario import Scenario
from lab.describe.topology import Topology, TopologyRef
from lab.errors import ModelError, Problem, nearest
from lab.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A topology or scenario that can be loaded by name; ``summary`` is its docstring's first line."""

    name: str
    summary: str
    path: Path


def topologies(project: Path | None = None) -> list[Entry]:
    """Return every topology that can be named, the project's own first, sorted by name."""
    return _entries("topologies", project)


def scenarios(project: Path | None = None) -> list[Entry]:
    """Return every scenario that can be named, the project's own first, sorted by name."""
    return _entries("scenarios", project)


def load_topology(name: str, **parameters: object) -> Topology:
    """Return the topology of a name or path, with parameters (text is read by their types).

    Raises:
        ModelError: No such topology, a file that does not import or holds none, wrong parameters.
    """
    entry = _find("topology", name, topologies())
    module = _load(entry)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Topology) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        text = f"holds {len(found)} topologies, and should hold one"
        raise ModelError(Problem(where=str(entry.path), text=text, hint="one class decorated with @topology"))
    found[0].name = entry.name
    return found[0].of(**parameters)


def load_scenario(name: str) -> Scenario:
    """Return the scenario of a name or path, named after its file, with its docstring as its story.

    Raises:
        ModelError: No such scenario, or a file that does not import or holds no ``SCENARIO``.
    """
    entry = _find("scenario", name, scenarios())
    module = _load(entry)
    found = getattr(module, "SCENARIO", None)
    if not isinstance(found, Scenario):
        raise ModelError(Problem(where=str(entry.path), text="holds no SCENARIO", hint="SCENARIO = Scenario(...)"))
    return replace(found, name=entry.name, story=(module.__doc__ or "").strip())


def world_of(described: Scenario | Topology | TopologyRef) -> World:
    """Return the world of a topology, of a topology's name with parameters, or in which a scenario starts.

    Raises:
        ModelError: No such topology, wrong parameters, or a world that cannot be.
    """
    if isinstance(described, Scenario):
        described = described.topology
    if isinstance(described, TopologyRef):
        described = load_topology(described.name, **described.parameters)
    return described.world()


def _entries(kind: str, project: Path | None) -> list[Entry]:
    found: dict[str, Entry] = {}
    for folder in (*_own_folders(kind, project or Path.cwd()), *_shipped(kind)):
        for path in sorted(folder.glob("[a-z]*.py")):
            found.setdefault(path.stem, Entry(name=path.stem, summary=_summary(path), path=path))
    for point in importlib.metadata.entry_points(group=f"pelab.{kind}"):
        spec = importlib.util.find_spec(point.value)
        if spec is not None and spec.origin:
            path = Path(spec.origin)
            found.setdefault(point.name, Entry(name=point.name, summary=_summary(path), path=path))
    return sorted(found.values(), key=lambda entry: entry.name)


def _shipped(kind: str) -> Iterator[Path]:
    here = Path(__file__).resolve().parent
    for folder in (here / "_shipped" / kind, here.parent / kind):
        if folder.is_dir():
            yield folder
            return


def _own_folders(kind: str, start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        settings = folder / "pyproject.toml"
        if not settings.is_file():
            continue
        try:
            table = tomllib.loads(settings.read_text()).get("tool", {}).get("pelab", {})
        except tomllib.TOMLDecodeError as error:
            raise ModelError(Problem(where=str(settings), text=str(error))) from None
        for name in table.get(kind, []):
            if not (folder / name).is_dir():
                raise ModelError(Problem(where=f"{settings}: tool.pelab.{kind}", text=f"no folder {name!r}"))
            yield folder / name
        return


def _summary(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
    except (SyntaxError, UnicodeDecodeError) as error:
        return f"(does not parse: {error})"
    return text.partition("\n")[0]


def _find(kind: str, name: str, entries: list[Entry]) -> Entry:
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ModelError(Problem(where=name, text=f"no such {kind} file"))
        return Entry(name=path.stem, summary=_summary(path), path=path.resolve())
    for entry in entries:
        if entry.name == name:
            return entry
    hint = nearest(name, (entry.name for entry in entries))
    raise ModelError(Problem(where=kind, text=f"no {kind} named {name!r}", hint=hint))


def _load(entry: Entry) -> ModuleType:
    """Import a file afresh (edits count) under a name that nobody else can have; types look themselves up by it."""
    name = f"lab._loaded.{entry.name}.{hashlib.sha256(bytes(entry.path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, entry.path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModelError:
        raise
    except (Exception, SystemExit) as error:  # whatever the author's file raises is the author's to mend
        raise ModelError(
            Problem(where=_place(error, entry.path), text=f"does not import: {type(error).__name__}: {error}")
        ) from error
    return module


def _place(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)
