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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from lab.describe.checking import check
from lab.describe.inclusion import TopologyRef
from lab.describe.kinds import shown
from lab.describe.scenario import Scenario
from lab.describe.slip import slip
from lab.describe.topology import Topology
from lab.errors import ModelError, Problem, nearest
from lab.model.world import World
from lab.projects import folders, project_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A topology or scenario that can be named; ``summary`` is its docstring's first line.

    ``broken`` says why it cannot be loaded, empty if it is there.
    """

    name: str
    summary: str
    path: Path
    broken: str = ""


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
    return _topology(name, parameters, None)


def load_scenario(name: str) -> Scenario:
    """Return the scenario of a name or path, named after its file, with its docstring as its story.

    The topology that the file of a path names is looked for in that file's own project, if it has one.

    Raises:
        ModelError: No such scenario, a file that does not import or holds no ``SCENARIO``, or one with a step that
            is none; all of it at once, each with its place.
    """
    entry = _find("scenario", name, scenarios)
    module = _load(entry)
    found: object = getattr(module, "SCENARIO", None)
    if not isinstance(found, Scenario):
        text = "holds no SCENARIO" if found is None else f"SCENARIO is {shown(found)}, and no Scenario"
        raise ModelError(Problem(where=str(entry.path), text=text, hint="SCENARIO = Scenario(...)"))
    scenario = replace(found, name=entry.name, story=(module.__doc__ or "").strip())
    check(scenario)
    home = project_of(entry.path.parent) if _is_path(name) else None
    if home is not None and isinstance(named := scenario.topology, TopologyRef):
        return replace(scenario, topology=replace(named, project=str(home)))
    return scenario


def world_of(described: Scenario | Topology | TopologyRef) -> World:
    """Return the world of a topology, of a topology's name with parameters, or in which a scenario starts.

    Raises:
        ModelError: No such topology, wrong parameters, or a world that cannot be.
    """
    if isinstance(described, Scenario):
        described = described.topology
    if isinstance(described, TopologyRef):
        project = Path(described.project) if described.project else None
        described = _topology(described.name, described.parameters, project)
    return described.world(find=part)


def part(named: TopologyRef) -> Topology:
    """Return the topology that another one includes by name; ModelError as ``load_topology`` has it."""
    return _topology(named.name, named.parameters, Path(named.project) if named.project else None)


def _topology(name: str, parameters: Mapping[str, object], project: Path | None) -> Topology:
    entry = _find("topology", name, lambda: topologies(project))
    module = _load(entry)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Topology) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        text = f"holds {len(found)} topologies, and should hold one"
        hint = "one class NAME(Topology), with @topology above it"
        raise ModelError(Problem(where=str(entry.path), text=text, hint=hint))
    found[0].name = entry.name
    found[0].find = partial(_part_in, project)
    return found[0].of(**parameters)


def _part_in(project: Path | None, named: TopologyRef) -> Topology:
    """Return a part of a topology of ``project``, whose parts are looked for there, too."""
    return part(replace(named, project=str(project)) if project and not named.project else named)


def _entries(kind: str, project: Path | None) -> list[Entry]:
    found: dict[str, Entry] = {}
    for folder in (*folders(kind, project or Path.cwd()), *_shipped(kind)):
        for path in sorted(folder.glob("[a-z]*.py")):
            found.setdefault(path.stem, Entry(name=path.stem, summary=_summary(path), path=path))
    for point in importlib.metadata.entry_points(group=f"pelab.{kind}"):
        found.setdefault(point.name, _brought(point))
    return sorted(found.values(), key=lambda entry: entry.name)


def _brought(point: EntryPoint) -> Entry:
    """Return what another package brings; one that cannot be found is named, and is nobody else's trouble."""
    package = point.dist.name if point.dist is not None else "a package"
    try:
        spec = importlib.util.find_spec(point.value)
    except Exception as error:  # noqa: BLE001 - finding a module imports its package, which may raise anything
        spec, why = None, f": {type(error).__name__}: {error}"
    else:
        why = ""
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        broken = f"{package} brings it as {point.value!r}, which is no module that can be found{why}"
        return Entry(name=point.name, summary=f"(broken: {broken})", path=Path(point.value), broken=broken)
    path = Path(spec.origin)
    return Entry(name=point.name, summary=_summary(path), path=path)


def _shipped(kind: str) -> Iterator[Path]:
    here = Path(__file__).resolve().parent
    for folder in (here / "_shipped" / kind, here.parent / kind):
        if folder.is_dir():
            yield folder
            return


def _summary(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_bytes(), filename=path.name)) or ""
    except (SyntaxError, ValueError, OSError) as error:
        return f"(does not parse: {error})"
    return text.partition("\n")[0]


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _find(kind: str, name: str, entries: Callable[[], list[Entry]]) -> Entry:
    if _is_path(name):
        path = Path(name)
        if path.is_dir():
            hint = "pelab list; or the path of a file in it"
            raise ModelError(Problem(where=name, text=f"is a folder, and no {kind} file", hint=hint))
        if not _readable(path):
            near = nearest(path.name, (each.name for each in path.parent.glob("*.py")))
            raise ModelError(Problem(where=name, text=f"no such {kind} file", hint=near))
        return Entry(name=path.stem, summary=_summary(path), path=path.resolve())
    known = entries()
    for entry in known:
        if entry.name == name:
            if entry.broken:
                hint = "reinstall or remove that package"
                raise ModelError(Problem(where=f"{kind} {name}", text=entry.broken, hint=hint))
            return entry
    hint = nearest(name, (entry.name for entry in known)) or "pelab list names them"
    if any(entry.name == name for entry in (topologies if kind == "scenario" else scenarios)()):
        hint = f"it is a topology: pelab graph {name}" if kind == "scenario" else f"it is a scenario: pelab play {name}"
    raise ModelError(Problem(where=kind, text=f"no {kind} named {name!r}", hint=hint))


def _readable(path: Path) -> bool:
    """Return whether there is such a file; ModelError if it may not be read."""
    try:
        with path.open("rb"):
            return True
    except PermissionError as error:
        raise ModelError(Problem(where=str(path), text=f"cannot be read: {error.strerror}")) from None
    except OSError:
        return False


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
        raise slip(error, str(entry.path), "does not import") from error
    return module
