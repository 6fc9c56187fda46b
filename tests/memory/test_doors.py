"""Doors without a network: certificates that are renewed while a lab stays up, and doors that are refused."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from lab.model.plane import Plane, Surface
from lab.serve import messages
from lab.serve.cloud import Cloud
from lab.serve.doors import Doors
from tests.handshakes import shake_hands


def door(name: str, *names: str, surface: Surface = Surface.IAM) -> messages.Door:
    """Return a door on the loopback device."""
    return messages.Door(
        name=name,
        surface=surface,
        plane=Plane.PUBLIC,
        region="us-south",
        names=list(names),
        addresses=["127.0.0.1"],
        port=443,
    )


def serial(context: ssl.SSLContext, trust: str) -> str:
    """Return the serial number of the certificate that a server with ``context`` shows a client."""
    shown: Any = shake_hands(ssl.create_default_context(cadata=trust), context, "a.example").getpeercert()
    return str(shown["serialNumber"])


def test_certificates_are_renewed_while_a_lab_stays_up() -> None:
    """Half an hour later callers are shown a fresh certificate of the same authority."""

    async def story() -> None:
        doors = Doors(Cloud(print))
        doors.prepare([door("d", "a.example")])
        await doors.listen([], [])
        assert doors._renewal is not None
        assert 0 < doors._renewal.when() - asyncio.get_running_loop().time() <= 1800
        context, trust = next(iter(doors._contexts.values())), doors.ca_pem
        first = serial(context, trust)
        assert first == serial(context, trust)
        doors._renew()
        assert first != serial(context, trust)
        assert trust == doors.ca_pem
        await doors.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(
            [door("one", "a.example"), door("two", "b.example", surface=Surface.RESOURCE_CONTROLLER)],
            id="no-such-service",
        ),
        pytest.param([door("one", "a.example"), door("known", "b.example")], id="prepared-already"),
        pytest.param([door("one", "a.example"), door("two", "ä.example")], id="no-host-name"),
    ],
)
def test_doors_are_prepared_all_or_none(bad: list[messages.Door]) -> None:
    """A list with one bad door prepares none of them, and says which it was."""
    doors = Doors(Cloud(print))
    doors.prepare([door("known", "c.example")])
    with pytest.raises(ValueError):
        doors.prepare(bad)
    assert list(doors._known) == ["known"]
