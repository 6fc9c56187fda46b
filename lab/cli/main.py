"""``pelab``: finds the command, runs it, and turns whatever happens into an exit status.

Nothing but click is imported before a command is known: help and completion answer at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from lab.cli.status import Status, status_of, tell
from lab.errors import ModelError, Problem

NAME, COMPLETION = "pelab", "_PELAB_COMPLETE"
COMMANDS = {
    "doctor": "Say what this machine can do, and the fix for what it cannot.",
    "list": "List topologies and scenarios.",
    "play": "Play a scenario and compare its voices.",
    "run": "Run a command in a host of a topology.",
    "up": "Bring a topology up: Mininet's command line, or -d to leave it up.",
    "ls": "List the labs that are up.",
    "status": "Say what a lab consists of, and what runs in it.",
    "exec": "Run a command in a host of a lab that is up.",
    "shell": "Open a shell in a host of a lab that is up.",
    "capture": "Write what a lab captured to a pcapng file.",
    "down": "Take a lab down.",
    "graph": "Draw a topology, and the way of a call through it.",
    "explain": "Explain what a call will meet, and what to mend first.",
    "matrix": "Ask every host for every instance's endpoints.",
    "completion": "Print the completion script for a shell.",
}
"""Every command, in the order of the help, with its line there; the rest is in ``lab/cli/NAME.py``."""

NOT_AS_NAMED = {"list": "listing", "status": "state"}
"""Modules that may not be called as their command: ``list`` means something else in Python, ``status`` here."""

RUNNING = ("run", "exec", "shell")
"""Commands that end with the status of what they ran."""


class Commands(click.Group):
    """A group that imports a command's module when the command is used, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lab.cli.{NOT_AS_NAMED.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with the nearest."""
        from lab.errors import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = nearest(args[0], COMMANDS)
            ctx.fail(f"no command {args[0]!r}" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"pelab {version('pelab')}")
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version.")
def pelab() -> None:
    """Rehearse private endpoints and network access policies with real packets.

    \b
    Ends with 0 agreed, 1 diverged or vacuous, 2 bad input,
    3 this machine cannot (pelab doctor says why), 4 the lab broke.
    """  # noqa: D301 - click's mark for "do not rewrap"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``pelab`` with ``arguments`` (those of the process by default) and return its exit status."""
    if COMPLETION in os.environ:
        pelab.main(prog_name=NAME, complete_var=COMPLETION)  # answers the shell and exits
    context: click.Context | None = None
    _furnish()
    try:
        Path.cwd()
    except OSError as error:
        tell(ModelError(Problem(where="this folder", text=f"is not there any more ({error.strerror})", hint="cd ~")))
        return Status.BAD_INPUT
    try:
        with pelab.make_context(NAME, list(sys.argv[1:] if arguments is None else arguments)) as context:
            return int(pelab.invoke(context) or Status.AGREED)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every ending has a status, a defect's too
        return _ended(error, command=(context and context.invoked_subcommand) or "")


def _furnish() -> None:
    """Give the process the three descriptors that every program may expect; a shell can have closed them."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode))


def _ended(error: BaseException, *, command: str) -> Status:
    tell(error)
    status = status_of(error)
    if status is Status.READER_LEFT:
        # Python flushes standard output once more at its end, and nobody reads it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif command in RUNNING and status is not Status.INTERRUPTED:
        return Status.RUN_FAILED
    return status
