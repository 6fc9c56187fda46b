"""The ways of all calls of a play in one Mermaid picture: where each call went, and where it died.

Solid arrows are measured and dotted ones predicted; an arrow bears the numbers of the steps that took it.
"""

from __future__ import annotations

from itertools import pairwise

from lab.model.outcome import Outcome, Traffic
from lab.play.runner import Report, StepReport
from lab.report.graph.picture import DIES, SERVED
from lab.report.way import foreseen, is_call, places

_STYLES = (
    "classDef died fill:#ffebe9,stroke:#cf222e,color:#1f2328",
    "classDef diverged fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "classDef served fill:#e6f4ea,stroke:#1a7f37,color:#1f2328",
)


def picture(report: Report) -> str:
    """Return the picture; empty where no step is a call."""
    ids: dict[str, str] = {}
    ends: dict[str, str] = {}
    arrows: dict[tuple[str, str, bool], list[int]] = {}
    for number, step in enumerate(report.steps, 1):
        way, measured = places(step), bool(step.way)
        if not way and step.measured is None and is_call(step) and step.predicted is not None:
            way = foreseen(step.predicted)
        if not way:
            continue
        through, told = _told(step) is Outcome.REACHED, _told(step).value
        # a cause that was not agreed on may be the model's alone, and is no word on where packets were seen
        ended = f"{SERVED if through else DIES} {step.cause if step.agreed else f'step {number} diverged: {told}'}"
        ends[ended] = "diverged" if not step.agreed else "served" if through else "died"
        stops = [*way, ended]
        for place in stops:
            ids.setdefault(place, f"n{len(ids)}")
        for pair in pairwise(stops):
            arrows.setdefault((*pair, measured), []).append(number)
    if not arrows:
        return ""
    nodes = (_node(name, place, ends.get(place, "")) for place, name in ids.items())
    links = (
        f'  {ids[a]} {"-->" if seen else "-.->"}|"{", ".join(map(str, numbers))}"| {ids[b]}'
        for (a, b, seen), numbers in arrows.items()
    )
    return "\n".join(("flowchart LR", *nodes, *links, *(f"  {style}" for style in _STYLES)))


def _told(step: StepReport) -> Outcome | Traffic:
    """Return what was measured of a step that is drawn; without a network, what is predicted."""
    told = step.measured if step.predicted is None or step.measured is not None else step.predicted.outcome
    assert told is not None, "what is drawn was measured or is predicted"
    return told


def _node(name: str, place: str, kind: str) -> str:
    text = place.replace('"', "#quot;")
    return f'  {name}(["{text}"]):::{kind}' if kind else f'  {name}["{text}"]'
