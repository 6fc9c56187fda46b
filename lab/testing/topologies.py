"""The topology that a test names by its marker, as a world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import catalogue
from lab.describe.inclusion import TopologyRef
from lab.describe.kinds import shown
from lab.describe.topology import Topology
from lab.errors import ModelError, Problem
from lab.model.world import World
from lab.projects import project_of


def world_of(item: pytest.Item) -> World:
    """Return the world of the test's nearest ``topology`` marker; a name is looked for in the test file's own project.

    Raises:
        ModelError: There is no such marker, it names no topology, or its parameters do not fit.
    """
    marker = item.get_closest_marker("topology")
    example = '@pytest.mark.topology("single_account", vsis=2)'
    if marker is None:
        raise ModelError(
            Problem(where=item.nodeid, text="wants a lab and names no topology", hint=f"such as {example}")
        )
    where = f"{item.nodeid}: @pytest.mark.topology"
    if len(marker.args) != 1:
        text = f"{len(marker.args)} topologies are named, and should be one"
        raise ModelError(Problem(where=where, text=text, hint=f"such as {example}"))
    (what,), parameters = marker.args, dict(marker.kwargs)
    try:
        return catalogue.world_of(_named(item, what, parameters))
    except ModelError as error:
        raise ModelError(*(replace(problem, where=f"{where}: {problem.where}") for problem in error.problems)) from None


def _named(item: pytest.Item, what: object, parameters: dict[str, object]) -> Topology | TopologyRef:
    match what:
        case str():
            home = project_of(item.path.parent)
            return TopologyRef(name=what, parameters=parameters, project=str(home or ""))
        case type() if issubclass(what, Topology):
            return what.of(**parameters)
        case Topology() | TopologyRef() if parameters:
            raise ModelError(Problem(where=shown(what), text="has its parameters already", hint="say them there"))
        case Topology() | TopologyRef():
            return what
        case _:
            raise ModelError(Problem(where=shown(what), text="is no topology", hint="its name, or its class"))
