"""The error tree: the family says who must act.

PelabError
├── ModelError          fix your source: topology, scenario, name, address, route
├── EnvironmentProblem  this machine cannot run it; ``fix`` is the command that mends it
├── LiveError           the lab broke; no verdict was reached
│   ├── BringUpFailed
│   ├── TearDownFailed
│   ├── ProbeFailed     a question could not be asked; never to be read as "blocked"
│   ├── CloudEnded      the services ended; what was refused since then is nobody's verdict
│   └── ProgramNotStarted
└── ServiceError        becomes the HTTP (or gRPC) error of an emulated service
Divergence(AssertionError)  stated, predicted and measured differ
└── Vacuous             what was measured proves nothing

An outcome that is merely negative is a value (``lab.model.outcome``), never an exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class PelabError(Exception):
    """Base of everything that pelab raises on purpose, except ``Divergence``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a source.

    ``where`` is a path such as ``accounts/acme/vsis/vsi-1/routes[0]``; ``hint`` names the nearest
    valid thing or says what would be right (empty when there is nothing useful to say). ``line`` is the author's
    ``FILE:LINE``, where that is known and ``where`` does not say it.
    """

    where: str
    text: str
    hint: str = ""
    line: str = ""

    def __str__(self) -> str:
        """One line: the author's line, place, text, hint."""
        place = f"{self.line}: {self.where}" if self.line else self.where
        return f"{place}: {self.text}" + (f" ({self.hint})" if self.hint else "")


class ModelError(PelabError):
    """The author's source is wrong; ``problems`` holds everything found, each with its place."""

    def __init__(self, *problems: Problem) -> None:
        """Collect ``problems``; at least one."""
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class EnvironmentProblem(PelabError):
    """This machine cannot do it as it is; ``fix`` is a command or a setting that mends it."""

    def __init__(self, text: str, *, fix: str) -> None:
        """Keep ``text`` (what is missing) and ``fix`` apart, and print both."""
        self.text, self.fix = text, fix
        super().__init__(f"{text}\nfix: {fix}")


class LiveError(PelabError):
    """The lab broke; nothing may be concluded about the model or the network."""


class BringUpFailed(LiveError):
    """The lab could not be brought up; nothing of it is left."""


class TearDownFailed(LiveError):
    """The lab could not be taken down completely."""


class ProbeFailed(LiveError):
    """A question could not be asked (no tool, no socket, no process): an error, never "blocked"."""


class CloudEnded(LiveError):
    """The cloud process has ended: what was refused since then says nothing about the network or a policy."""


class ProgramNotStarted(LiveError):
    """There is no such program in the host, or it may not be run."""


class ServiceError(PelabError):
    """A refusal of an emulated service.

    ``status`` is the HTTP status, ``code`` the product's reason code (``KEY_NOT_FOUND_ERR``; empty
    where the product sends no ``reasons``), ``message`` the product's text, ``rule`` the id of the
    rule in the service that decided (goes to the log line, never over the wire).
    """

    def __init__(self, status: int, message: str, *, code: str = "", rule: str = "") -> None:
        """Keep the parts; the text of the exception is ``message``."""
        self.status, self.message, self.code, self.rule = status, message, code, rule
        super().__init__(message)


class Divergence(AssertionError):
    """The voices differ, or (``Vacuous``) what was measured proves nothing."""


class Vacuous(Divergence):
    """What was measured proves nothing, whatever else it is; ``pytest.raises(Divergence)`` takes it too."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the known thing closest to ``name``, or all of them if few, or ``''``."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names)}" if 0 < len(names) <= 8 else ""
