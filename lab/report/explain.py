"""The explanation of one verdict: the way hop by hop, the rule that decided, and what to mend first."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from lab.model.call import Call
from lab.model.outcome import Verdict
from lab.model.rules import BY_ID
from lab.model.world import World
from lab.oracle import predict
from lab.report.citation import section
from lab.report.remedy import Remedy, remedy
from lab.report.screen import labelled, outcome, plain

LABEL = 10
"""Columns of a label: the longest is ``documented``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A call, the oracle's verdict on it, and the remedy for the first missing prerequisite, if one is missing."""

    call: Call
    verdict: Verdict
    remedy: Remedy | None


def explain(world: World, call: Call) -> Explanation:
    """Return the explanation of ``call`` in ``world``; ModelError if a name in it is unknown."""
    world.instance(call.instance, where="call/instance")
    verdict = predict(world, call)
    mends = remedy(world, call, verdict.missing) if verdict.missing else None
    return Explanation(call=call, verdict=verdict, remedy=mends)


def show(console: Console, told: Explanation) -> None:
    """Draw ``told`` on ``console``."""
    verdict, arrow = told.verdict, "->" if plain(console) else "→"
    call = str(told.call).replace("→", arrow)
    console.print(Text.assemble((call, "bold"), "  ", outcome(console, verdict.outcome)))
    console.print()
    width = max((len(hop.place) for hop in verdict.hops), default=0)
    for number, hop in enumerate(verdict.hops, 1):
        labelled(console, Text(f"{number:3} {hop.place:{width}}  ", style="dim"), Text(hop.fact))
    console.print()
    rule = BY_ID.get(verdict.cause)
    said = verdict.cause if rule is None else f"{rule.id}: {rule.statement}"
    labelled(console, _label("rule"), Text(said, style="bold"))
    if rule is not None:
        labelled(console, _label(rule.mark.value), Text(rule.reason or "The page says so."))
        labelled(console, _label("see"), Text(section(rule)), wrap=False)
    if told.remedy is not None and verdict.missing is not None:
        labelled(console, _label("missing"), Text(verdict.missing.value, style="yellow"))
        labelled(console, _label("mend"), Text(told.remedy.what))
        labelled(console, _label("$"), Text(told.remedy.command), wrap=False)
        if told.remedy.step:
            labelled(console, _label("in a step"), Text(told.remedy.step), wrap=False)


def _label(name: str) -> Text:
    return Text(f"{name:>{LABEL}}  ", style="dim")
