"""Evidence as lines for people: a service's log line shortened to what decided; all else as it was observed.

Programs get the whole line (``json``); nothing is interpreted here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from lab.model.outcome import Evidence

_LOGS: Final = ("service-log", "memory-log")


def lines(found: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    """Yield (kind, where and what) for each observation; of like ones in a row the first, and how many more."""
    for (kind, where), group in groupby(found, key=lambda evidence: (evidence.kind, evidence.where)):
        first, *more = group
        detail = _log(first.detail) if kind in _LOGS else first.detail
        yield kind, f"{where}: {detail}" + (f"; and {len(more)} more" if more else "")


def _log(text: str) -> str:
    """Return a log line as ``deny 401 by policy.private-only: GET /api/v2/keys of iam-... from 203.0.113.10:40000``."""
    try:
        entry = json.loads(text)
        return (
            f"{entry['decision']} {entry['status']} by {entry['rule']}: {entry['method']} {entry['path']} "
            f"of {entry['subject'] or 'nobody'} from {entry['caller']}:{entry['caller_port']}"
        )
    except (ValueError, KeyError, TypeError):  # another service's form: shown as it is
        return text
