"""Citations: a verdict's cause as people read it, with the page's section or the reason why it is assumed."""

from __future__ import annotations

from lab.model.rules import BY_ID, PAGE, Rule


def cite(cause: str) -> str:
    """Return the rule ``cause`` in one line; the bare id if the catalogue does not know it."""
    rule = BY_ID.get(cause)
    return cause if rule is None else f"{cause} ({rule.mark.value}): {rule.statement}"


def section(rule: Rule) -> str:
    """Return the address of the page's section that a rule stands in, or is derived or assumed from."""
    return f"{PAGE}#{rule.section}"
