"""Whether a lab is still as it was brought up: what its operator, calls, and programs in hosts have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from lab.model.plane import Surface
from lab.model.world import World

_KINDS: Final = ("accounts", "hosts", "instances", "gateways")
_CHANGES: Final = {"POST", "PUT", "PATCH", "DELETE"}
_WRITTEN: Final = {Surface.KMS.value, Surface.TKE.value, Surface.CONSOLE.value}
"""The surfaces whose requests change what a service holds; GREP11's keys are in the clients' hands."""


def changed(first: World, now: World) -> Iterator[str]:
    """Yield what of the world is another than it was, a line each; what calls did to instances is in it."""
    for kind in _KINDS:
        before, after = getattr(first, kind), getattr(now, kind)
        for name in dict.fromkeys((*before, *after)):
            if name not in before:
                yield f"{kind.removesuffix('s')} {name} was added"
            elif before[name] != after.get(name):
                yield f"{kind.removesuffix('s')} {name} was changed{_wherein(before[name], after.get(name))}"
    for key in sorted(set(now.blobs) - set(first.blobs)):
        yield f"GREP11 key {key} was made"
    for zone in sorted(first.zones_down ^ now.zones_down):
        yield f"zone {zone} {'is down' if zone in now.zones_down else 'was brought back'}"


def _wherein(before: Any, after: Any) -> str:
    """Return in which of its properties a thing is another, in words."""
    other = (field.name for field in fields(before) if getattr(before, field.name) != getattr(after, field.name, None))
    return ": " + ", ".join(name.replace("_", " ") for name in other)


def written(line: Mapping[str, Any], claim: Callable[[str], bool]) -> str:
    """Return what a program changed in the services by the request of a log line; empty if it did not, or is ours.

    ``claim`` takes a number under which the lab itself has asked, each once. What the console asks in its turn has no
    port, and stands in the console's own line under the same number.
    """
    if not line["caller_port"] or claim(line["request_id"]):
        return ""
    if line["surface"] not in _WRITTEN or line["decision"] != "allow" or line["method"] not in _CHANGES:
        return ""
    if "/actions/" in line["path"]:
        return ""
    return f"a program changed the services: {line['method']} {line['path']} from {line['caller']}"
