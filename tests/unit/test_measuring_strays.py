"""Every guard of a stray call can withdraw it: what its variable led to must be shown to be why it failed."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from ipaddress import IPv4Address
from operator import xor
from typing import Any

import pytest

from lab import Call, Operation, Outcome, Policy
from lab.describe.builder import Builder
from lab.measure import requests
from lab.measure.flow import UDP, Flow
from lab.measure.observation import Attempt, Observation
from lab.measure.probe import NUMBER
from lab.measure.requests import HttpRequest
from lab.model.world import World
from tests.unit.scripted import UNITS, ScriptedLab, policy, refusal, siblings, signature
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, sets

HOST = "api.private.us-south.hs-crypto.cloud.ibm.com"


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


def other_region() -> World:
    """Return a world with an instance in each of two regions."""
    builder = Builder()
    acme = builder.account("acme", vrf=True, service_endpoints=True)
    builder.vsi("vsi-1", account=acme)
    builder.crypto_instance("keys", account=acme)
    builder.crypto_instance("archive", account=acme, region="eu-de")
    return builder.world()


def at_another_region(operation: Operation = Operation.LIST_CRYPTO_UNITS) -> ScriptedLab:
    """Return a call of TKE that came to another region's."""
    address = "https://tke.private.eu-de.hs-crypto.cloud.ibm.com"
    told = ScriptedLab(Call.tke("vsi-1", "keys", operation, address=address), world=other_region())
    told.says = {"caller": (401, refusal("no")), "archive": (200, UNITS), "private": (200, UNITS)}
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=401, rule="instance.unknown")
    return told


def loads_all_the_same(told: ScriptedLab) -> None:
    """Have the instance's crypto units hold the key that another region's TKE refused to load."""
    ask = told.ask

    async def knowing(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        if NUMBER in request.headers:
            key = reduce(xor, (int(part, 16) for part in json.loads(request.body)["key_parts"])).to_bytes(32)
            pattern = hashlib.sha256(b"\x01" + key).hexdigest()[:-8] + "0" * 8
            unit = {"hsm_id": "1", "current_master_key": "Valid", "verification_pattern": pattern}
            told.says["private"] = (200, {"hsms": [unit]})
        return await ask(node, name, port, request, **how)

    told.ask = knowing  # type: ignore[method-assign]


def makes_all_the_same(told: ScriptedLab) -> None:
    """Have the instance whose door refused list the key that it was asked to make."""
    ask, mark = told.ask, ""

    async def knowing(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        nonlocal mark
        if NUMBER in request.headers:
            mark = requests.mark_in(request)
        elif mark and request.path.startswith("/api/v2/keys?"):
            found = {"metadata": {"collectionTotal": 1}, "resources": [{"id": "n", "description": mark}]}
            told.says["archive"] = (200, found)
        return await ask(node, name, port, request, **how)

    told.ask = knowing  # type: ignore[method-assign]


def creating_at_archive() -> ScriptedLab:
    """Return a creation of a key at another instance's port."""
    told = at_archive()
    told.call = told.call.to(Operation.CREATE)
    told.logged = log_of(told, status=401, rule="instance.unknown")
    return told


def sets_all_the_same(told: ScriptedLab) -> None:
    """Have the instance whose door refused a policy have another one afterwards."""
    told.call = replace(told.call, operation=Operation.SET_POLICY, policy=Policy.PRIVATE_ONLY, key=None)
    told.logged = log_of(told, status=401, rule="instance.unknown")
    ask = told.ask

    async def knowing(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        if NUMBER in request.headers:
            told.says["other-policy"] = (200, policy("private-only"))
        return await ask(node, name, port, request, **how)

    told.ask = knowing  # type: ignore[method-assign]


def names_only(told: ScriptedLab) -> None:
    """Have the address with a scheme lead to a question to the resolver, and no further."""

    async def ask(node: str, name: str, port: int, _request: HttpRequest, **_how: Any) -> Observation:
        query = Flow(
            protocol=UDP,
            source=told.world.hosts["vsi-1"].nics[0].address.ip,
            source_port=1,
            destination=told.resolver(node),
            destination_port=53,
        )
        silent = Attempt(flow=query, since=0, signature=signature("dns", "timeout"), address=told.resolver(node))
        return Observation(node=node, name=name, port=port, attempts=(silent,))

    told.ask = ask  # type: ignore[method-assign,assignment]


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


def by_an_impostor(told: ScriptedLab) -> None:
    """Have the packets bear another node's address."""
    assert told.attempt is not None
    told.attempt = replace(told.attempt, flow=replace(told.flow, source=IPv4Address("203.0.113.10")))


SOUND: dict[str, tuple[Callable[[], ScriptedLab], Outcome, str]] = {
    "another-port": (at_archive, Outcome.UNAUTHORIZED, "door.other-instance"),
    "another-port-creating": (creating_at_archive, Outcome.UNAUTHORIZED, "door.other-instance"),
    "unset": (at_key_protect, Outcome.UNAUTHORIZED, "door.other-instance"),
    "another-region": (at_another_region, Outcome.UNAUTHORIZED, "door.other-instance"),
    "another-region-initialises": (
        lambda: at_another_region(Operation.INITIALISE), Outcome.UNAUTHORIZED, "door.other-instance",
    ),
    "grpc": (at_ep11, Outcome.TLS_FAILED, "ep11.speaks-grpc"),
    "no-scheme": (unsent, Outcome.NOT_SENT, "client.no-scheme"),
    "unset-and-no-way": (unset_and_no_way, Outcome.NO_ROUTE, "host.no-route"),
}  # fmt: skip
TOKEN = "the instance's own door refuses the same token too"
SPOILED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    **{
        f"{name}-own-door-refuses": (made, denied(private=401), TOKEN)
        for name, made in (("another-port", at_archive), ("unset", at_key_protect), ("grpc", at_ep11))
    },
    **{
        f"{name}-own-door-is-dead": (made, sets(mute="private"), TOKEN)
        for name, made in (("another-port", at_archive), ("unset", at_key_protect))
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
    "another-region-serves-nobody": (
        at_another_region, denied(archive=401), "the door refuses its own instance's owner too",
    ),
    "another-region-refuses-and-loads": (
        lambda: at_another_region(Operation.INITIALISE), loads_all_the_same,
        "refused, and the crypto units hold the key whose parts were sent",
    ),
    "another-port-refuses-and-makes": (creating_at_archive, makes_all_the_same, "refused, and the key is made"),
    "another-port-refuses-and-sets": (
        creating_at_archive, sets_all_the_same, "refused, and the owner reads another policy than just before",
    ),
    "grpc-led-elsewhere": (at_ep11, sets(resolved=(IPv4Address("166.9.99.99"),)), "led to 166.9.99.99; the addresses"),
    "grpc-by-an-impostor": (at_ep11, by_an_impostor, "asked from 203.0.113.10, which is no address of vsi-1"),
    "grpc-door-and-another-alert": (at_ep11, tls_fails("alert"), "TLS failed at a door that is no EP11 endpoint"),
    "no-grpc-door-and-h2": (at_archive, tls_fails("h2"), "TLS failed at a door that is no EP11 endpoint"),
    "grpc-door-is-dumb": (at_ep11, sets(mute="private"), "the door does not answer its owner in gRPC either"),
    "no-scheme-and-no-way": (unsent, sets(mute="again"), "with a scheme the endpoint would not be asked either"),
    "no-scheme-and-no-name": (unsent, names_only, "with a scheme the endpoint would not be asked either"),
}  # fmt: skip


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
