"""``--lab``: a rehearsal on a lab that is up already, and the words that bring up another like it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING

import click

from lab.cli.arguments import Decorator, Name
from lab.cli.named import labs_offered
from lab.describe.inclusion import TopologyRef

if TYPE_CHECKING:
    from lab.cli.playing import Make
    from lab.describe.scenario import Scenario
    from lab.live.attached import Attached
    from lab.live.entry import Entry

LAB: Decorator = click.option(
    "--lab", metavar="LAB", type=Name("lab", labs_offered), help="On this lab, which is up (pelab ls)."
)


def guest(lab: Attached, scenario: Scenario) -> Make:
    """Return what makes the backend of a play of ``scenario`` on ``lab``."""
    from lab.live.guest import Guest

    return lambda world: Guest(lab, world, anew=anew(lab.entry, scenario))


def changed(lab: Attached) -> str:
    """Return the line that says that a lab is not as it was brought up, and how to have it so; empty if it is."""
    found = lab.compare().lines
    if not found:
        return ""
    return f"{lab.entry.name} is not in its first state any more ({found[0]}): {again(lab.entry)}"


def anew(entry: Entry, scenario: Scenario) -> str:
    """Return the commands that bring a lab of this name up in which ``scenario`` can begin."""
    told = _topology(scenario)
    if not told:
        return "its topology has no name: play it without --lab"
    return f"pelab down {entry.name}; pelab up -d {told} --name {entry.name}"


def again(entry: Entry) -> str:
    """Return the commands that bring a lab up as it was."""
    settings = (f"--set {shlex.quote(setting)}" for setting in entry.settings)
    how = "-d " if entry.detached else ""
    return f"pelab down {entry.name}; " + " ".join((f"pelab up {how}{entry.topology}", *settings, "--name", entry.name))


def _topology(scenario: Scenario) -> str:
    """Return a scenario's topology as ``up`` takes it; empty where it has no name."""
    named = scenario.topology
    given: Mapping[str, object]
    if isinstance(named, TopologyRef):
        name, given = named.name, named.parameters
    else:
        name = named.name
        given = {field.name: getattr(named, field.name) for field in fields(named)}  # type: ignore[arg-type]  # by @topology
    settings = (f"--set {shlex.quote(f'{key}={_text(value)}')}" for key, value in given.items())
    return " ".join((name, *settings)) if name else ""


def _text(value: object) -> str:
    """Return a parameter's value as a command line says it."""
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool | None) else str(value)
