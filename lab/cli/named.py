"""What the commands for labs that stay share: this user's labs, and words of which the first may be left out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from lab.cli.arguments import Decorator, Name
from lab.errors import ModelError, Problem, nearest

if TYPE_CHECKING:
    from lab.live.attached import Attached
    from lab.live.entry import Entry
    from lab.live.registry import Registry


@contextlib.contextmanager
def registry() -> Iterator[Registry]:
    """Give this user's labs, once it is told and cleaned what was left by some that ended without being taken down."""
    from lab.live.registry import Registry

    with Registry() as labs:
        for gone in labs.clean():
            click.echo(f"the lab {gone.name!r} has ended: {gone.ended}; what it left is cleaned", err=True)
        yield labs


@contextlib.contextmanager
def attached(name: str | None) -> Iterator[Attached]:
    """Give a conversation with the lab called ``name``; of None, with the only one."""
    from lab.live.attached import Attached

    with registry() as labs, Attached(labs, labs.find(name)) as lab:
        yield lab


def divided(words: Sequence[str], second: str) -> tuple[str | None, str]:
    """Return ``[LAB] SECOND`` as the lab's name, None where it was left out, and the other."""
    if not 1 <= len(words) <= 2:
        raise click.UsageError(f"expected [LAB] {second}, and found {' '.join(words) or 'nothing'!r}")
    return (words[0] if len(words) == 2 else None), words[-1]


def check_host(entry: Entry, host: str) -> None:
    """Raise ModelError with the nearest name if the lab has no such host."""
    if host not in entry.hosts:
        text = f"the lab {entry.name!r} has no host {host!r}"
        raise ModelError(Problem(where="host", text=text, hint=nearest(host, entry.hosts)))


class Split(click.Command):
    """A command whose arguments end at ``--``: what stands behind goes to ``arguments``, untouched."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before ``--``."""
        before, mark, behind = _at_the_mark(args)
        rest = super().parse_args(ctx, before)
        if not behind and not ctx.resilient_parsing:
            ctx.fail('say what to run behind "--": pelab exec [LAB] HOST -- COMMAND...')
        ctx.params["arguments"] = tuple(behind)
        ctx.meta["complete"] = bool(mark)
        return rest

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the mark as well."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] [LAB] HOST -- COMMAND...")


def _at_the_mark(args: list[str]) -> tuple[list[str], str, list[str]]:
    if "--" not in args:
        return args, "", []
    at = args.index("--")
    return args[:at], "--", args[at + 1 :]


def labs_offered(_: click.Context) -> Iterable[tuple[str, str]]:
    """Return the labs that are up, each with its topology."""
    from lab.live.registry import Registry

    with Registry() as labs:
        return [(entry.name, entry.topology) for entry in labs.labs()]


def _labs_and_hosts(context: click.Context) -> Iterable[tuple[str, str]]:
    from lab.live.registry import Registry

    words: tuple[str, ...] = context.params.get("words") or ()
    if len(words) > 1 or context.meta.get("complete"):
        return []
    with Registry() as labs:
        found = labs.labs()
        if words:
            return _hosts(found, words[0])
        return [*((entry.name, entry.topology) for entry in found), *(_hosts(found, None))]


def _hosts(found: Sequence[Entry], name: str | None) -> list[tuple[str, str]]:
    """Return the hosts of the lab called ``name``; of None, of the only one."""
    meant = [entry for entry in found if entry.name == name or (name is None and len(found) == 1)]
    return [(host, f"host of {entry.name}") for entry in meant for host in entry.hosts]


def _words(offers: Any, metavar: str, *, required: bool = True) -> Decorator:
    return click.argument("words", nargs=-1, required=required, metavar=metavar, type=Name("lab", offers))


LABS = _words(labs_offered, "[LAB]...", required=False)
LAB_AND_HOST = _words(_labs_and_hosts, "[LAB] HOST")
LAB_AND_FILE = _words(labs_offered, "[LAB] FILE")
