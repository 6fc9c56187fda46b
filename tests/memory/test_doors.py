"""Doors without a network: certificates that are renewed while a lab stays up, and doors that are refused."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
from cryptography import x509

from lab.model.plane import Plane, Surface
from lab.serve import messages, pki
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


def serial(context: ssl.SSLContext) -> int:
    """Return the serial number of the certificate that a server with ``context`` shows, whatever the time is."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    shown = shake_hands(anybody, context, "a.example").getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_certificates_are_renewed_while_a_lab_stays_up() -> None:
    """Half an hour later, and again, callers are shown a fresh certificate of the same authority.

    The clock on the wall decides: one that went on while the machine slept is noticed within a minute.
    """
    now = time.time()

    async def story() -> None:
        nonlocal now
        doors = Doors(Cloud(print, clock=lambda: now))
        doors.prepare([door("d", "a.example")])
        await doors.listen([], [])
        context, trust = next(iter(doors._contexts.values())), doors.ca_pem
        seen = [serial(context)]
        for passed, fresh in ((60, False), (1700, False), (60, True), (60, False), (1800, True), (1800, True)):
            now += passed
            assert doors._renewal is not None
            assert 0 < doors._renewal.when() - asyncio.get_running_loop().time() <= 60
            doors._renewal.cancel()
            doors._look()
            seen.append(serial(context))
            assert (seen[-1] != seen[-2]) is fresh
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


def test_a_renewal_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look is arranged before anything can go wrong: else a lab's certificates would never be renewed."""
    now = time.time()

    def refuse(*_asked: object) -> None:
        raise OSError("no")

    async def story() -> None:
        nonlocal now
        doors = Doors(Cloud(print, clock=lambda: now))
        doors.prepare([door("d", "a.example")])
        await doors.listen([], [])
        assert doors._renewal is not None
        doors._renewal.cancel()
        now += 3600
        monkeypatch.setattr(pki, "load", refuse)
        with pytest.raises(OSError, match="no"):
            doors._look()
        assert doors._renewal is not None
        assert not doors._renewal.cancelled()
        await doors.close()

    asyncio.run(story())
