"""Every guard of a stray call can withdraw it: what its variable led to must be shown to be why it failed."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from lab import Call, Outcome
from lab.describe.builder import Builder
from lab.measure.observation import Attempt
from lab.model.world import World
from tests.unit.scripted import ScriptedLab, refusal, signature
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, sets

HOST = "api.private.us-south.hs-crypto.cloud.ibm.com"


def siblings() -> World:
    """Return a world with two instances of one account, ports 9042 and 9044."""
    builder = Builder()
    acme = builder.account("acme", vrf=True, service_endpoints=True)
    builder.vsi("vsi-1", account=acme)
    for name in ("keys", "archive"):
        builder.crypto_instance(name, account=acme)
    return builder.world()


def refused(address: str | None) -> ScriptedLab:
    """Return a call that a door refused because the instance is not its own."""
    told = ScriptedLab(Call.kp("vsi-1", "keys", address=address), world=siblings())
    told.says["caller"] = (401, refusal("no"))
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=401, rule="instance.unknown")
    return told


def at_archive() -> ScriptedLab:
    """Return a call with another instance's port."""
    return refused(f"https://{HOST}:9044")


def at_key_protect() -> ScriptedLab:
    """Return a call where the variable is unset."""
    return refused(None)


def at_ep11() -> ScriptedLab:
    """Return a call that came to a door of gRPC."""
    told = ScriptedLab(Call.kp("vsi-1", "keys", address=f"https://ep11.{HOST.removeprefix('api.')}:9043"))
    told.attempt = Attempt(
        flow=told.flow, since=0, signature=signature("tls", "h2"), address=told.flow.destination, detail="h2 only"
    )
    told.seen = [arrival(told)]
    return told


def unsent() -> ScriptedLab:
    """Return a call whose address has no scheme."""
    return ScriptedLab(Call.kp("vsi-1", "keys", address=f"{HOST}:9042"))


def unset_and_no_way() -> ScriptedLab:
    """Return a call where the variable is unset and the host has no way to the internet."""
    told = ScriptedLab(Call.kp("vsi-1", "keys", address=None), world=siblings(), refused=errno.ENETUNREACH)
    gone = signature("connect", "ENETUNREACH")
    told.attempt = Attempt(flow=None, since=0, signature=gone, address=told.flow.destination)
    return told


def tls_fails(value: str) -> Spoil:
    """Return what has the call fail in TLS, and see ``value`` of it."""

    def spoil(told: ScriptedLab) -> None:
        flow = told.flow
        told.attempt = Attempt(flow=flow, since=0, signature=signature("tls", value), address=flow.destination)
        told.seen = [arrival(told)]

    return spoil


SOUND: dict[str, tuple[Callable[[], ScriptedLab], Outcome, str]] = {
    "another-port": (at_archive, Outcome.UNAUTHORIZED, "door.other-instance"),
    "unset": (at_key_protect, Outcome.UNAUTHORIZED, "door.other-instance"),
    "grpc": (at_ep11, Outcome.TLS_FAILED, "ep11.speaks-grpc"),
    "no-scheme": (unsent, Outcome.NOT_SENT, "client.no-scheme"),
    "unset-and-no-way": (unset_and_no_way, Outcome.NO_ROUTE, "host.no-route"),
}
TOKEN = "the instance's own door refuses the same token too"
SPOILED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    **{
        f"{name}-own-door-refuses": (made, denied(private=401), TOKEN)
        for name, made in (("another-port", at_archive), ("unset", at_key_protect), ("grpc", at_ep11))
    },
    **{
        f"{name}-arrived-nowhere": (made, sets(seen=[]), "nothing of it was seen to arrive")
        for name, made in (("another-port", at_archive), ("unset", at_key_protect), ("grpc", at_ep11))
    },
    **{
        f"{name}-logged-{rule}": (made, logs(rule=rule), f"the service's log says {rule}")
        for name, made in (("another-port", at_archive), ("unset", at_key_protect))
        for rule in ("policy.private-only", "door.other-account")
    },
    **{
        f"another-port-log-contradicts-in-{name}": (at_archive, logs(**{name: "another"}), f"says {name} another")
        for name in ("door", "surface", "plane", "instance", "status", "subject")
    },
    "another-port-serves-nobody": (at_archive, denied(archive=401), "the door refuses its own instance's owner too"),
    "grpc-door-and-another-alert": (at_ep11, tls_fails("alert"), "TLS failed at a door that is no EP11 endpoint"),
    "no-grpc-door-and-h2": (at_archive, tls_fails("h2"), "TLS failed at a door that is no EP11 endpoint"),
    "grpc-door-is-dumb": (at_ep11, sets(mute="private"), "the door does not answer its owner in gRPC either"),
    "no-scheme-and-no-way": (unsent, sets(mute="again"), "with a scheme nothing would be sent either"),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_stray_that_is_proved_stands(case: str) -> None:
    """What would have been otherwise was shown beside it."""
    made, outcome, cause = SOUND[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (outcome, cause, "")


@pytest.mark.parametrize("case", SPOILED)
def test_a_stray_that_is_not_proved_is_vacuous(case: str) -> None:
    """A refusal alone does not say that the door was the wrong one."""
    proves_nothing(*SPOILED[case])


def test_a_way_that_is_missing_to_key_protect_is_vacuous_where_it_answers_nobody() -> None:
    """It serves nobody here, but it must say so to somebody."""
    told = unset_and_no_way()
    told.mute = "twin"
    assert "the door answers nobody" in told.measured().vacuous
