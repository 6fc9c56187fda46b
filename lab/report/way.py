"""The way of a call as a line: the places that its packets passed, and where they died or were served.

Solid lines join places where they were measured, dotted lines places that are predicted; one line never mixes the two.
"""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from lab.describe.plan import BACKBONE, INTERNET, PRIVATE_SERVICES, PUBLIC_SERVICES
from lab.model.outcome import Outcome, Verdict
from lab.model.plane import Plane
from lab.play.runner import StepReport
from lab.report.graph.picture import DOORS, INTERNET_EDGE, PROVIDER_EDGE
from lab.report.screen import plain

NAMES: Final = {
    BACKBONE: PROVIDER_EDGE,
    INTERNET: INTERNET_EDGE,
    PRIVATE_SERVICES: DOORS[Plane.PRIVATE],
    PUBLIC_SERVICES: DOORS[Plane.PUBLIC],
}
"""The lab's own nodes, as people call what they stand for."""
SEEN: Final = ("━━", "━▶", "━╳")
"""Between places where packets were seen, before what served them, before what they died of."""
FORESEEN: Final = ("┄┄", "┄▶", "┄╳")
LETTERS: Final = {"━━": "==", "━▶": "=>", "━╳": "=X", "┄┄": "..", "┄▶": ".>", "┄╳": ".X"}


def is_call(step: StepReport) -> bool:
    """Say whether a step is predicted as a call, which has a way: a change has none, be it refused."""
    return step.predicted is not None and step.predicted.cause not in {"operator.done", "host.route-refused"}


def places(step: StepReport) -> list[str]:
    """Return where a step's packets were seen, for people; empty where none moved."""
    found = [NAMES.get(hop.place, hop.place) for hop in step.way]
    # a door's own log says more than that a connection came to where the doors are
    return [place for place in found if place not in DOORS.values() or place == found[-1]]


def foreseen(verdict: Verdict) -> list[str]:
    """Return the places of the predicted way."""
    return list(dict.fromkeys(hop.place for hop in verdict.hops))


def measured_way(console: Console, step: StepReport, ending: str) -> Text:
    """Return the measured way of ``step``, and behind its end ``ending``."""
    return _drawn(console, places(step), SEEN, ending, through=step.measured is Outcome.REACHED)


def predicted_way(console: Console, verdict: Verdict, ending: str) -> Text:
    """Return the predicted way, and behind its end ``ending``."""
    return _drawn(console, foreseen(verdict), FORESEEN, ending, through=verdict.outcome is Outcome.REACHED)


def _drawn(console: Console, names: list[str], lines: tuple[str, str, str], ending: str, *, through: bool) -> Text:
    between, served, died = (LETTERS[line] if plain(console) else line for line in lines)
    text = Text(f" {between} ").join(Text(name) for name in names)
    end, style = (served, "green") if through else (died, "bold yellow")
    return Text.assemble(text, " ", (end, style), f" {ending}")
