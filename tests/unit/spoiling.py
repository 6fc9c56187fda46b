"""What scripted labs are told: what a true service logs and a true network shows, and what spoils a measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.measure import grep11, platform, requests
from lab.measure.requests import Credentials, HttpRequest
from lab.measure.sightings import Sighting
from lab.model.call import Operation
from lab.model.endpoint import console
from lab.model.outcome import Measurement
from lab.model.plane import Surface
from tests.unit import crypto
from tests.unit.scripted import ScriptedLab, refusal


def arrival(told: ScriptedLab) -> Sighting:
    """Return the sighting of the caller's packet at its own door."""
    plane = told.call.plane.value
    return Sighting(place=f"{plane}-services", rule=f"door.{plane}", flow=told.beyond)


def log_of(told: ScriptedLab, *, status: int, rule: str) -> dict[str, Any]:
    """Return the log line that a true service writes of the caller's request, answered with an HTTP status."""
    nobody = Credentials(token="", guid="")
    if told.call.surface is Surface.EP11:
        request: HttpRequest = grep11.crypto(told.call.operation, nobody)
    else:
        held = requests.HeldKey(id="k") if told.wrapped is not None else None
        about = {"held": held, "policy": told.call.policy}
        nobody = Credentials(token="", guid=told.world.instances["keys"].guid)
        request = platform.request(told.call.surface, told.call.operation, nobody, **about)
    account = told.world.hosts[told.call.by].account
    return {
        "plane": told.call.plane.value,
        "surface": told.door.surface.value,
        "door": told.door.name,
        "status": crypto.status(status) if told.call.surface is Surface.EP11 else status,
        "decision": "allow" if status < 400 else "deny",
        "method": request.method,
        "path": request.path.partition("?")[0],
        "caller": str(told.beyond.source),
        "caller_port": told.beyond.source_port,
        "rule": rule,
        "instance": told.world.instances[told.door.instance or "keys"].guid,
        "subject": f"iam-ServiceId-{account}",
    }


def behind(told: ScriptedLab) -> dict[str, Any]:
    """Return the log line that a true service writes of the request that the console makes in its turn."""
    keys = told.world.instances["keys"]
    document = told.call.operation is Operation.GET_INSTANCE
    path = {
        Operation.LIST: "/api/v2/keys", Operation.CREATE: "/api/v2/keys",
        Operation.GET_INSTANCE: f"/crypto_v2/instances/{keys.guid}",
    }.get(told.call.operation, "/api/v2/instance/policies")  # fmt: skip
    door = "broker/public/us-south" if document else "kms/public/keys"
    surface = "broker" if document else "kms"
    return {**told.logged, "surface": surface, "door": door, "path": path, "caller": console().name, "caller_port": 0}


Spoil = Callable[[ScriptedLab], object]


def sets(**values: object) -> Spoil:
    """Return what gives a scripted lab other values."""

    def spoil(told: ScriptedLab) -> None:
        for name, value in values.items():
            setattr(told, name, value)

    return spoil


def logs(**values: object) -> Spoil:
    """Return what changes the service's log line."""
    return lambda told: told.logged.update(values)


def says(**answers: tuple[int, Any]) -> Spoil:
    """Return what changes answers, by who asks (underscores for hyphens)."""
    return lambda told: told.says.update({who.replace("_", "-"): answer for who, answer in answers.items()})


def denied(**who: int) -> Spoil:
    """Return what has askers refused, with a status."""
    return says(**{name: (status, refusal("no")) for name, status in who.items()})


def proves_nothing(
    make: Callable[[], ScriptedLab],
    spoil: Spoil,
    why: str,
    measured: Callable[[ScriptedLab], Measurement] = ScriptedLab.measured,
) -> None:
    """Assert that a lab, once spoiled, measures no cause, and says why."""
    told = make()
    spoil(told)
    said = measured(told)
    assert why in said.vacuous
    assert said.cause == ""
