"""Citations: a verdict's cause as people read it, with the page's section or the reason why it is assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.model.rules import BY_ID, PAGE, Mark, Rule

if TYPE_CHECKING:  # only a type: who explains one call plays nothing
    from lab.play.runner import StepReport


def cite(cause: str) -> str:
    """Return the rule ``cause`` in one line; the bare id if the catalogue does not know it."""
    rule = BY_ID.get(cause)
    return cause if rule is None else f"{cause} ({rule.mark.value}): {rule.statement}"


def brief(cause: str) -> str:
    """Return the id of the rule ``cause`` with its mark."""
    rule = BY_ID.get(cause)
    return cause if rule is None else f"{cause} ({rule.mark.value})"


def warned(cause: str) -> str:
    """Return the id of the rule ``cause``, with its mark if nobody could verify it."""
    rule = BY_ID.get(cause)
    return brief(cause) if rule is not None and rule.mark is Mark.ASSUMED else cause


def resting(steps: Iterable[StepReport]) -> str:
    """Return the line that names the assumed rules behind ``steps``, each with its count; empty if there are none."""
    counted = Counter(rule for step in steps for rule in step.assumed)
    named = ", ".join(f"{rule} ({count})" for rule, count in counted.items())
    return f"assumed rules behind these verdicts: {named}" if named else ""


def section(rule: Rule) -> str:
    """Return the address of the page's section that a rule stands in, or is derived or assumed from."""
    return f"{PAGE}#{rule.section}"
