"""Exit statuses: the one place that says which ending is which number, and how an error is told on a terminal.

``run``, ``exec`` and ``shell`` are the exception that proves it: there the command in the host owns the numbers, and
everything that went wrong beside it is ``RUN_FAILED``.
"""

from __future__ import annotations

import errno
import sys
import traceback
from enum import IntEnum

import click

from lab.errors import Divergence, EnvironmentProblem, LiveError, ModelError, PelabError


class Status(IntEnum):
    """What ``pelab`` ends with."""

    AGREED = 0
    DIVERGED = 1
    """Voices differ, or something was vacuous."""
    BAD_INPUT = 2
    """Your source or your arguments; the message names the place."""
    CANNOT = 3
    """This machine cannot do it as it is; the message names the command that mends it."""
    BROKE = 4
    """The lab broke and no verdict was reached."""
    RUN_FAILED = 125
    INTERRUPTED = 130
    READER_LEFT = 141


FAMILIES: tuple[tuple[type[BaseException], Status], ...] = (
    (Divergence, Status.DIVERGED),
    (ModelError, Status.BAD_INPUT),
    (click.UsageError, Status.BAD_INPUT),
    (EnvironmentProblem, Status.CANNOT),
    (LiveError, Status.BROKE),
    (KeyboardInterrupt, Status.INTERRUPTED),
    (click.Abort, Status.INTERRUPTED),
    (BrokenPipeError, Status.READER_LEFT),
)
"""Error family to status; whatever is in none of them is a defect of pelab, and the lab broke."""


FULL = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT})
"""Why what was said could not be written, where it is for the machine's owner to mend."""


def status_of(error: BaseException) -> Status:
    """Return the status that ``error`` ends with."""
    if isinstance(error, OSError) and error.errno in FULL:
        return Status.CANNOT
    return next((status for family, status in FAMILIES if isinstance(error, family)), Status.BROKE)


def tell(error: BaseException) -> None:
    """Say on standard error what went wrong and, where there is one, the fix; a defect shows its traceback."""
    match error:
        case BrokenPipeError():
            return
        case KeyboardInterrupt() | click.Abort():
            print("interrupted: what was begun is ended, and nothing of it is left", file=sys.stderr)
        case click.ClickException():
            error.show(sys.stderr)
        case EnvironmentProblem():
            _say("this machine cannot", error.text)
            _say("fix", error.fix, colour="cyan")
        case ModelError():
            for problem in error.problems:
                _say("error", str(problem))
        case OSError(errno=number) if number in FULL:
            _say("error", f"the output cannot be written: {error.strerror}")
            _say("fix", "free space where it goes, or send it elsewhere", colour="cyan")
        case PelabError() | Divergence():
            _say("error", f"{error}")
        case _:
            traceback.print_exception(error, file=sys.stderr)
            _say("error", "this is a defect of pelab; nothing may be concluded from this run")


def _say(label: str, text: str, colour: str = "red") -> None:
    click.echo(f"{click.style(f'{label}:', fg=colour)} {text}", err=True)
