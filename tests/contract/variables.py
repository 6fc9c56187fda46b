"""``docs/endpoint-variables.md``: where each value of an endpoint variable leads, by scenario and oracle.

``python -m tests.contract.variables > docs/endpoint-variables.md`` writes it from ``scenarios/endpoint_variables.py``.
"""

from __future__ import annotations

from lab import Call, Operation, catalogue
from lab.model.rules import BY_ID
from lab.play.runner import Mode, play

SCENARIO = "endpoint_variables"
_HEAD = """# Endpoint variables

Made of `scenarios/endpoint_variables.py` by `python -m tests.contract.variables > docs/endpoint-variables.md`;
do not edit. `pelab play endpoint_variables` measures every row but `not-sent`: there the lab shows that the same
address with a scheme would have been asked. That clients do not ask without one, the product's SDK shows in the
project's own tests.
"""
_INTRODUCTION = {
    "KP_PRIVATE_ADDR": "`ibmcloud kp` takes the URL of the key-management endpoint from it, of the public one as well\n"
    "as of the private one. To go public it is set to the public URL; unsetting it is not the same.",
    "TKE_PRIVATE_ADDR": "`ibmcloud tke` takes the URL of Trusted Key Entry in the instance's region from it. To go\n"
    "public it is unset, or set to the public URL. All instances of a region share its name and port: no other\n"
    "instance's port can be mistaken for it, but another region's name.",
}


def markdown() -> str:
    """Return the document: a table for each variable, its rows in the order of the scenario."""
    scenario = catalogue.load_scenario(SCENARIO)
    report = play(scenario, Mode.MODEL)
    assert report.agreed, "the scenario says something else than the oracle"
    tables: dict[str, list[str]] = {}
    for step, told in zip(scenario.steps, report.steps, strict=True):
        if not isinstance(step.deed, Call) or step.deed.setting is None or step.deed.operation is Operation.SET_POLICY:
            continue
        assert told.predicted is not None
        rule, setting = BY_ID[told.predicted.cause], step.deed.setting
        value = "(unset)" if setting.value is None else f"`{setting.value}`"
        cells = (value, step.deed.by, step.text, told.predicted.outcome.value, f"`{rule.id}` ({rule.mark.value})")
        tables.setdefault(setting.variable.value, []).append(f"| {' | '.join(cells)} |")
    parts = [_HEAD]
    for name, rows in tables.items():
        head = ["| value | from | what it is | what the tool sees | because |", "| --- | --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {name}", "", _INTRODUCTION[name], "", *head, *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    print(markdown(), end="")
