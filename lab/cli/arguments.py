"""What several commands share: names that complete in the shell, ``--set name=value``, and the folder one stands in.

Completion never fails and never prints: a shell in the middle of a word is no place for an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from lab.errors import ModelError, Problem, nearest
from lab.model.plane import Plane

if TYPE_CHECKING:
    from lab.model.world import Host, World


def _topologies(_: click.Context) -> Iterable[tuple[str, str]]:
    from lab.catalogue import topologies

    return [(entry.name, entry.summary) for entry in topologies()]


def _scenarios(_: click.Context) -> Iterable[tuple[str, str]]:
    from lab.catalogue import scenarios

    return [(entry.name, entry.summary) for entry in scenarios()]


def _topology(context: click.Context) -> str:
    # in the middle of an option click has not yet told arguments apart: the topology still stands among the rest
    return context.params.get("topology") or (context.args or [""])[0]


def _world(context: click.Context) -> World:
    from lab.catalogue import load_topology

    pairs = (text.partition("=") for text in context.params.get("settings") or ())
    return load_topology(_topology(context), **{name: value for name, _, value in pairs}).world()


def hosts(context: click.Context) -> Iterable[tuple[str, str]]:
    """Return the hosts of the topology that was named, each with its kind and account."""
    return [(host.name, f"{host.kind.value} of {host.account}") for host in _world(context).hosts.values()]


def instances(context: click.Context) -> Iterable[tuple[str, str]]:
    """Return the instances of the topology that was named, each with its region."""
    return [(instance.name, instance.region) for instance in _world(context).instances.values()]


def _parameters(context: click.Context) -> Iterable[tuple[str, str]]:
    from lab.catalogue import load_topology

    known = load_topology(_topology(context)).parameters()
    return [(f"{name}=", f"default {parameter.default}") for name, parameter in known.items()]


class Name(click.types.StringParamType):
    """Text that completes to one of ``offers``; whether it exists is said by whoever looks it up."""

    def __init__(self, name: str, offers: Callable[[click.Context], Iterable[tuple[str, str]]]) -> None:
        """Complete with ``offers``: names, each with a line of help."""
        self.name, self._offers = name, offers

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with ``incomplete``."""
        try:
            offers = self._offers(ctx)
        except Exception:  # noqa: BLE001 - whatever is wrong, a shell in the middle of a word is no place to say it
            return []
        return [CompletionItem(name, help=text) for name, text in offers if name.startswith(incomplete)]


class Word(click.Choice[str]):
    """One of a few words; another is told with the nearest."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take one of ``words``."""
        super().__init__(list(words))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word; click's own error, and the nearest word, for another."""
        if value not in self.choices and (hint := nearest(str(value), self.choices)):
            self.fail(f"no {param.name if param else 'word'} {value!r}; {hint}", param, ctx)
        return str(super().convert(value, param, ctx))


class ReportFile(click.types.StringParamType):
    """A file's name, or ``-``; the shell completes files. A scenario's name is one that was said in the wrong place."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; click's own error where the file would be called as a scenario."""
        from lab.catalogue import scenarios

        if value in {entry.name for entry in scenarios()}:
            self.fail(
                f"{value!r} is a scenario: say it before this option, or ./{value} if that is the file", param, ctx
            )
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


def called_by(world: World, host: Host) -> str:
    """Return the instance that is meant where none is named; UsageError where there is none."""
    if (found := world.instance_for(host)) is None:
        raise click.UsageError(f"there is no instance that {host.name} could call")
    return found.name


def _read_settings(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for text in values:
        if "=" not in text or text.startswith("="):
            raise click.BadParameter(f"{text!r} is no name=value")
    return values


def parameters(settings: Iterable[str]) -> dict[str, object]:
    """Return ``--set`` texts as a topology's parameters; the topology reads the values by their types."""
    return {name: value for name, _, value in (text.partition("=") for text in settings)}


def standing() -> str:
    """Return the folder in which this process stands; ModelError if it is gone."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        raise ModelError(Problem(where=".", text="the folder you stand in is gone", hint="cd to another")) from None


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

TOPOLOGY: Decorator = click.argument("topology", type=Name("topology", _topologies))
MAYBE_TOPOLOGY: Decorator = click.argument("topology", required=False, type=Name("topology", _topologies))
SCENARIOS: Decorator = click.argument(
    "names", nargs=-1, required=False, metavar="SCENARIO...", type=Name("scenario", _scenarios)
)
REPORT_FILE = ReportFile()
HOST: Decorator = click.argument("host", type=Name("host", hosts))
SOURCE: Decorator = click.argument("source", type=Name("host", hosts), metavar="SRC")
MAYBE_INSTANCE: Decorator = click.argument("instance", required=False, type=Name("instance", instances))
PLANE: Decorator = click.option("--plane", type=Word(p.value for p in Plane), help="Default: the host's own side.")
SETTINGS: Decorator = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    type=Name("name=value", _parameters),
    callback=_read_settings,
    help="Set a parameter of the topology; may be said again.",
)
JSON: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs (docs/json.md).")
