"""What a client, the nursery and the network process say to each other, and how errors travel.

A request has an ``id`` and is answered by exactly one message with that id: its answer, or ``Failed``. Messages with
id 0 come unasked: ``Ready`` (the first word of a lab) and ``Notice``. Sending is ``lab.wire``'s part.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from lab.errors import (
    BringUpFailed,
    CloudEnded,
    EnvironmentProblem,
    LiveError,
    ModelError,
    PelabError,
    ProbeFailed,
    Problem,
    ProgramNotStarted,
    TearDownFailed,
)

FURNISHING: Final = "lab.live.furnishing"


def kebab(name: str) -> str:
    """Return the tag of a message class: ``SpawnProgram`` travels as ``spawn-program``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every message begins with; enough to find who must read the rest."""

    type: str
    id: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """Base of what a client may ask; whoever sends it sets ``id``."""

    id: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """Base of what comes back; the network process copies ``id`` from the request."""

    id: int = 0


class Done(Answer, frozen=True, kw_only=True):
    """It is done, and there is nothing to tell."""


class Failed(Answer, frozen=True, kw_only=True):
    """It was not done. ``kind`` names the family of the error, ``fix`` is set for the environment's."""

    kind: str
    text: str
    fix: str = ""
    problems: list[tuple[str, str, str]] = []


class Fork(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """Make a lab. Descriptors: its control socket, the life pipe's end, the client's pidfd, a memfd for its errors.

    ``shared`` names folders that stay visible in the lab although they lie where it has something of its own (/tmp).
    ``furnishing`` names the module whose ``furnish`` registers what the lab can be asked.
    """

    shared: list[str] = []
    furnishing: str = FURNISHING


class NurseryReady(msgspec.Struct, frozen=True, kw_only=True, tag=kebab):
    """The nursery has imported everything; ``seconds`` since its first line ran."""

    seconds: float


class Ready(Answer, frozen=True, kw_only=True):
    """The lab listens; comes with a pidfd of its init. ``marks`` are seconds since the request to fork."""

    marks: dict[str, float] = {}


class Notice(Answer, frozen=True, kw_only=True):
    """Something happened that no request asked for: ``cloud-ended``. It comes before the next answer."""

    kind: str
    text: str


class Ping(Request, frozen=True, kw_only=True):
    """Is the network process there?"""


class Admit(Request, frozen=True, kw_only=True):
    """Serve whoever connects from now on, beside this client. Descriptor: the listening socket."""


class Pong(Answer, frozen=True, kw_only=True):
    """It is: its pid in the lab's own pid namespace, and how many threads it has."""

    pid: int
    threads: int


class Spawn(Request, frozen=True, kw_only=True):
    """Start a program in a host. Descriptors: its stdin, stdout and stderr.

    With ``terminal`` it leads a session whose terminal is its stdin. ``environment`` is added to the host's.
    """

    host: str
    arguments: list[str]
    environment: dict[str, str] = {}
    folder: str = "/"
    terminal: bool = False


class Spawned(Answer, frozen=True, kw_only=True):
    """It runs; comes with its pidfd. ``process`` names it in later requests, ``pid`` inside the lab."""

    process: int
    pid: int


class Await(Request, frozen=True, kw_only=True):
    """Answer when the program has ended."""

    process: int


class Exited(Answer, frozen=True, kw_only=True):
    """It ended; ``status`` is negative for a death by signal, as in ``subprocess``."""

    status: int


class Signal(Request, frozen=True, kw_only=True):
    """Send a signal to the program's process group."""

    process: int
    number: int


class Console(Request, frozen=True, kw_only=True):
    """Run Mininet's own command line from ``folder``. Descriptor: the terminal that it gets. Answered when it ends."""

    folder: str = "/"


_KINDS: Final[dict[str, type[PelabError]]] = {
    "bring-up": BringUpFailed,
    "tear-down": TearDownFailed,
    "probe": ProbeFailed,
    "cloud-ended": CloudEnded,
    "program-not-started": ProgramNotStarted,
    "live": LiveError,
}


def failed(error: PelabError, *, id: int = 0) -> Failed:  # noqa: A002 - the field's name on the wire
    """Return the message that carries ``error``."""
    match error:
        case EnvironmentProblem():
            return Failed(id=id, kind="environment", text=error.text, fix=error.fix)
        case ModelError():
            problems = [(problem.where, problem.text, problem.hint) for problem in error.problems]
            return Failed(id=id, kind="model", text=str(error), problems=problems)
        case _:
            kind = next((kind for kind, form in _KINDS.items() if isinstance(error, form)), "live")
            return Failed(id=id, kind=kind, text=str(error))


def error_in(message: Failed) -> PelabError:
    """Return the error that ``message`` carries, as it was raised on the other side."""
    if message.kind == "environment":
        return EnvironmentProblem(message.text, fix=message.fix)
    if message.kind == "model":
        return ModelError(*(Problem(where=where, text=text, hint=hint) for where, text, hint in message.problems))
    return _KINDS.get(message.kind, LiveError)(message.text)


def with_id(message: Any, id: int) -> Any:  # noqa: A002 - the field's name on the wire
    """Return ``message`` with its ``id`` set."""
    return msgspec.structs.replace(message, id=id)
