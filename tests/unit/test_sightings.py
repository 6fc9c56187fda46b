"""A sighting belongs to one connection: same addresses, same ports, and not to an earlier one of that name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.measure.flow import TCP, Flow
from lab.measure.sightings import Sighting, Sightings

FLOW = Flow(
    protocol=TCP,
    source=IPv4Address("198.18.0.10"),
    source_port=40000,
    destination=IPv4Address("166.9.12.20"),
    destination_port=9042,
)
OTHERS = {
    "source-port": replace(FLOW, source_port=40001),
    "destination-port": replace(FLOW, destination_port=443),
    "source": replace(FLOW, source=IPv4Address("203.0.113.10")),
    "destination": replace(FLOW, destination=IPv4Address("166.9.14.20")),
    "protocol": replace(FLOW, protocol=17),
}


def drop(flow: Flow) -> Sighting:
    """Return the report of a drop."""
    return Sighting(place="internet", rule="internet.no-private-service", flow=flow)


async def seen_in_time(sightings: Sightings, since: int) -> Sighting | None:
    """Return the next sighting of the flow if there is one already."""
    try:
        return await asyncio.wait_for(sightings.next(FLOW, since, lambda _: True), 0.01)
    except TimeoutError:
        return None


@pytest.mark.parametrize("what", OTHERS)
def test_another_connections_drop_is_not_ours(what: str) -> None:
    """Whatever differs, it is somebody else's packet."""

    async def story() -> Sighting | None:
        sightings = Sightings()
        sightings.take(drop(OTHERS[what]))
        assert sightings.of(FLOW, 0) == []
        return await seen_in_time(sightings, 0)

    assert asyncio.run(story()) is None


def test_an_earlier_connections_drop_is_not_ours() -> None:
    """Ports are used again; what was seen before we began says nothing about us."""

    async def story() -> tuple[Sighting | None, Sighting | None]:
        sightings = Sightings()
        sightings.take(drop(FLOW))
        since = sightings.now()
        early = await seen_in_time(sightings, since)
        sightings.take(drop(FLOW))
        return early, await seen_in_time(sightings, since)

    assert asyncio.run(story()) == (None, drop(FLOW))


def test_a_drop_that_comes_later_wakes_who_waits() -> None:
    """Nobody waits for a timeout to learn what a filter already says."""

    async def story() -> Sighting:
        sightings = Sightings()
        asyncio.get_running_loop().call_soon(sightings.take, drop(FLOW))
        return await asyncio.wait_for(sightings.next(FLOW, 0, lambda _: True), 5)

    assert asyncio.run(story()) == drop(FLOW)


def test_what_had_to_make_room_counts_as_lost_for_whoever_asks_about_it() -> None:
    """Silence about a flow proves nothing when reports since its beginning were let go; older ones are nobody's."""

    async def story() -> tuple[bool, bool]:
        sightings = Sightings()
        began = sightings.now()
        sightings.take(drop(FLOW))
        for _ in range(5000):
            sightings.take(drop(OTHERS["source"]))
        assert sightings.of(FLOW, began) == []
        return sightings.lost(began), sightings.lost(sightings.now())

    assert asyncio.run(story()) == (True, False)


def test_a_loss_counts_for_what_began_before_it() -> None:
    """One flood does not make every later denial worthless."""

    async def story() -> list[bool]:
        sightings = Sightings()
        before = sightings.now()
        sightings.lose()
        return [sightings.lost(before), sightings.lost(sightings.now())]

    assert asyncio.run(story()) == [True, False]
