"""The lab's own requests are known by their numbers: each once, and none is kept that nobody can log."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import IPv4Address
from typing import cast

import pytest

from lab.measure.observation import Attempt, known
from lab.measure.places import Places
from lab.measure.probe import NUMBER, Prober
from lab.measure.requests import HttpRequest
from lab.measure.sightings import Sightings

REQUEST = HttpRequest(method="GET", path="/", headers={NUMBER: "one"})
HERE = IPv4Address("192.0.2.1")


@pytest.fixture
def prober() -> Prober:
    """Return one that asks nobody: its resolver is silent."""
    made = Prober(cast("Places", None), Sightings(), ssl.create_default_context())

    async def silent(_node: str, _name: str) -> Attempt:
        assert made.claim("one"), "while it is asked it can be logged"
        made._open.add("one")
        return Attempt(flow=None, since=0, signature=known("dns", "timeout"), address=HERE)

    made.resolve = silent  # type: ignore[method-assign,assignment]
    return made


def test_what_nobody_answered_is_nobodys_any_more(prober: Prober) -> None:
    """A lab that stays asks for years: what was never logged must not be waited for."""
    asyncio.run(prober.ask("vsi-1", "api", 443, REQUEST))
    assert prober._open == set()
    assert not prober.claim("one")


def test_a_number_is_taken_once() -> None:
    """Whoever says it again is a program that has seen it."""
    made = Prober(cast("Places", None), Sightings(), ssl.create_default_context())
    made._open.add("one")
    assert [made.claim("one"), made.claim("one"), made.claim("another")] == [True, False, False]
