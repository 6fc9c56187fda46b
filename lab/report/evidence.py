"""Evidence as a line for people: a service's log line shortened to what decided; all else as it was observed.

Programs get the whole line (``json``); nothing is interpreted here.
"""

from __future__ import annotations

import json

from lab.model.outcome import Evidence


def line(evidence: Evidence) -> str:
    """Return ``evidence`` in one line: where it was seen, and what."""
    detail = _log(evidence.detail) if evidence.kind == "service-log" else evidence.detail
    return f"{evidence.where}: {detail}"


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
