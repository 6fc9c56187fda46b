"""JSON for programs: stable documents, described in ``docs/json.md``.

Outcomes, planes and modes are their kebab-case names; an outcome that was not measured is ``null``, never a copy of
the prediction. Keys are only ever added.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lab.model.rules import BY_ID
from lab.report.citation import section

if TYPE_CHECKING:  # only types: a document needs none of what makes the values
    from collections.abc import Iterable, Mapping

    from lab.catalogue import Entry
    from lab.live.entry import Entry as Lab
    from lab.live.preflight import Check
    from lab.live.world import State
    from lab.model.call import Call
    from lab.model.outcome import Evidence
    from lab.play.matrix import Cell, Matrix
    from lab.play.runner import Report, StepReport
    from lab.report.explain import Explanation
    from lab.report.graph.picture import Picture
    from lab.report.played import Played

Document = dict[str, Any]


def text(document: Document | list[Document]) -> str:
    """Return ``document`` as text, in the keys' own order."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def play(report: Report) -> Document:
    """Return the document of a played scenario."""
    return {
        "scenario": report.scenario,
        "mode": report.mode.value,
        "agreed": report.agreed,
        "vrf_backend": report.vrf_backend,
        "steps": [_step(number, step) for number, step in enumerate(report.steps, 1)],
    }


def plays(played: Iterable[Played]) -> Document:
    """Return the document of several scenarios that were played in one run."""
    found = list(played)
    return {
        "agreed": all(one.agreed for one in found),
        "plays": [{**play(one.report), "agreed": one.agreed, "error": one.error} for one in found],
    }


def matrix(made: Matrix) -> Document:
    """Return the document of a matrix."""
    return {
        "topology": made.topology,
        "mode": made.mode.value,
        "agreed": made.agreed,
        "vrf_backend": made.vrf_backend,
        "cells": [_cell(cell) for cell in made.cells],
    }


def explanation(told: Explanation) -> Document:
    """Return the document of an explained verdict."""
    verdict, rule, mends = told.verdict, BY_ID.get(told.verdict.cause), told.remedy
    return {
        "call": _call(told.call),
        "predicted": verdict.outcome.value,
        "cause": verdict.cause,
        "rule": None
        if rule is None
        else {
            "statement": rule.statement,
            "mark": rule.mark.value,
            "reason": rule.reason,
            "source": section(rule),
        },
        "hops": [{"place": hop.place, "fact": hop.fact} for hop in verdict.hops],
        "missing": None if verdict.missing is None else verdict.missing.value,
        "remedy": None if mends is None else {"what": mends.what, "command": mends.command, "step": mends.step},
    }


def graph(drawn: Picture) -> Document:
    """Return the document of a picture; ``way`` is null where no call is drawn."""
    way = drawn.way
    return {
        "topology": drawn.title,
        "accounts": [{"name": name, "has": has} for name, has in drawn.accounts.items()],
        "boxes": [
            {
                "id": box.id,
                "name": box.name,
                "kind": box.kind.value,
                "account": box.account or None,
                "behind": box.behind or None,
                "facts": list(box.facts),
            }
            for box in drawn.boxes
        ],
        "lines": [
            {"from": line.a, "to": line.b, "plane": line.plane.value, "label": line.label} for line in drawn.lines
        ],
        "way": None if way is None else {"boxes": list(way.places), "dies": way.dies, **explanation(way.told)},
    }


def catalogue(found: Mapping[str, Iterable[Entry]]) -> Document:
    """Return the document of what can be named, by kind."""
    return {
        kind: [{"name": entry.name, "summary": entry.summary, "path": str(entry.path)} for entry in entries]
        for kind, entries in found.items()
    }


def checkup(checks: Iterable[Check]) -> list[Document]:
    """Return the document of preflight's checks."""
    return [{"name": check.name, "ok": check.ok, "detail": check.detail, "fix": check.fix or None} for check in checks]


def entry(lab: Lab) -> Document:
    """Return the document of a lab that stays."""
    return {
        "name": lab.name,
        "topology": lab.topology,
        "settings": lab.settings,
        "hosts": lab.hosts,
        "since": datetime.fromtimestamp(lab.since, tz=UTC).isoformat(timespec="seconds"),
        "pid": lab.pid,
        "detached": lab.detached,
        "standing": lab.standing,
    }


def status(lab: Lab, state: State, changed: Iterable[str]) -> Document:
    """Return the document of a lab from near."""
    hosts, instances = state.world.hosts.values(), state.world.instances.values()
    return {
        **entry(lab),
        "hosts": [
            {
                "name": host.name,
                "kind": host.kind.value,
                "account": host.account,
                "addresses": {nic.name: str(nic.address.ip) for nic in host.nics},
            }
            for host in hosts
        ],
        "instances": [
            {
                "name": one.name,
                "region": one.region,
                "account": one.account,
                "initialised": one.initialised,
                "deleted": one.deleted,
                "policy": one.policy.value if one.policy is not None else None,
            }
            for one in instances
        ],
        "vrf_backend": state.vrf_backend,
        "services": state.services,
        "captured": state.captured,
        "programs": [{"host": host, "arguments": arguments} for host, arguments in state.programs],
        "trouble": state.trouble,
        "changed": list(changed),
    }


def _step(number: int, step: StepReport) -> Document:
    return {
        "number": number,
        "text": step.text,
        "stated": step.stated.outcome.value,
        "stated_cause": step.stated.cause,
        **_said(step),
    }


def _cell(cell: Cell) -> Document:
    return {"call": _call(cell.call), **_said(cell.said)}


def _said(step: StepReport) -> Document:
    """Return what a step and a cell have in common: all but the author's word."""
    return {
        "predicted": None if step.predicted is None else step.predicted.outcome.value,
        "measured": None if step.measured is None else step.measured.value,
        "cause": step.cause,
        "way": [{"place": hop.place, "fact": hop.fact} for hop in step.way],
        "evidence": _evidence(step.evidence),
        "agreed": step.agreed,
        "vacuous": step.vacuous,
        "why": step.why,
        "assumed": list(step.assumed),
    }


def _evidence(found: Iterable[Evidence]) -> list[Document]:
    return [{"kind": one.kind, "where": one.where, "detail": one.detail} for one in found]


def _call(call: Call) -> Document:
    return {
        "by": call.by,
        "instance": call.instance,
        "surface": call.surface.value,
        "plane": call.plane.value,
        "operation": call.operation.value,
        "setting": None if call.setting is None else str(call.setting),
    }
