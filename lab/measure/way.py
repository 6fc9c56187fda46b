"""The way: where a call's packets were seen, from its caller's interface to a door, or to where they ended.

Told from what was seen alone: frames at the caller's interface and at the services, whose link addresses name the nodes
that they were sent to and came from; reports of filters and doors; the services' log. It proves nothing, and where
nobody looked (between two appliances, say) it has a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.describe.plan import PRIVATE_SERVICES, PUBLIC_SERVICES
from lab.errors import ProbeFailed
from lab.measure.asked import Asked
from lab.measure.capture import Seen
from lab.measure.losses import Find
from lab.measure.places import Places
from lab.model.outcome import Hop

_SERVICES = (PRIVATE_SERVICES, PUBLIC_SERVICES)


async def seen_way(asked: Asked, places: Places, find: Find | None) -> tuple[Hop, ...]:
    """Return the places of the attempt that decided, in order; a place is a node, a node's interface, or a door."""
    attempt, found = asked.observed.last, list[Seen]()
    if find is not None and attempt.flow is not None:
        try:
            for flow in asked.seen_as(attempt.flow):
                found += (await find(flow, attempt.at, in_words=False)).seen
        except ProbeFailed:
            found = []  # who measures has said so already, where anything rests on it
    return tuple(_joined(_hops(asked, places, found)))


def _hops(asked: Asked, places: Places, found: list[Seen]) -> Iterator[Hop]:
    node, attempt = asked.observed.node, asked.observed.last
    left = [seen for seen in found if seen.point.startswith(f"{node}:")]
    came = [seen for seen in found if seen.point.partition(":")[0] in _SERVICES]
    if not left:
        yield Hop(place=node, fact=attempt.detail or attempt.signature.meaning)
    for seen in left:
        yield Hop(place=seen.point, fact=f"{_frames(seen)}: {attempt.flow}")
        if owner := places.owner(seen.receiver):
            yield Hop(place=owner, fact=f"sent to {seen.receiver}, which is its own")
    for seen in came:
        if owner := places.owner(seen.sender):
            yield Hop(place=owner, fact=f"{seen.point} had it from {seen.sender}, which is its own")
    for report in asked.sightings:
        if any(report.flow in asked.seen_as(flow) for flow in attempt.flows):
            yield Hop(place=report.place, fact=f"{report.rule}: {report.flow}")
    if asked.log is not None:
        said = asked.log
        yield Hop(place=asked.endpoint.name, fact=f"{said.get('decision')} {said.get('status')} by {said.get('rule')}")


def _frames(seen: Seen) -> str:
    return f"{seen.count} frame{'s' if seen.count > 1 else ''}"


def _joined(hops: Iterable[Hop]) -> Iterator[Hop]:
    """Yield each place once, where it was met first, with the last that was seen there."""
    found: dict[str, Hop] = {}
    for hop in hops:
        found[hop.place] = hop
    yield from found.values()
