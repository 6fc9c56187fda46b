"""Whom a call asks: the endpoint of its surface and plane, or the one to which a tool's variable leads."""

from __future__ import annotations

from lab.errors import ModelError, Problem, nearest
from lab.model.call import Call
from lab.model.endpoint import ABOUT_INSTANCES, Endpoint, endpoints, iam, key_protect, of_instance, tke
from lab.model.plane import Plane, Surface
from lab.model.variables import Setting, Variable
from lab.model.world import World

_SPEAKS = {
    Variable.KP_PRIVATE_ADDR: (Surface.KMS, Surface.KEY_PROTECT, Surface.EP11),
    Variable.TKE_PRIVATE_ADDR: (Surface.TKE, Surface.EP11),
}
"""The surfaces of which it is known what a tool makes of them."""


def aimed(world: World, call: Call) -> Endpoint | None:
    """Return the endpoint that ``call`` means, None where its client makes no request of its variable.

    Raises:
        ModelError: The instance is unknown, this version has no endpoint for the surface, or a variable names a
            place that is no endpoint of this world.
    """
    if call.setting is not None:
        return _led(world, call, call.setting)
    if call.surface is Surface.IAM:
        return iam(call.plane)
    if call.surface not in ABOUT_INSTANCES:
        text = f"surface {call.surface.value} has no endpoint in this version"
        known = ", ".join(surface.value for surface in (*ABOUT_INSTANCES, Surface.IAM))
        raise ModelError(Problem(where=f"call/{call.by}/surface", text=text, hint=known))
    return of_instance(world.instance(call.instance, where="call/instance"), call.surface, call.plane)


def _led(world: World, call: Call, setting: Setting) -> Endpoint | None:
    region = world.instance(call.instance, where="call/instance").region
    if setting.value is None:
        return tke(region, Plane.PUBLIC) if call.surface is Surface.TKE else key_protect(region)
    doors = [door for door in endpoints(world) if door.surface in _SPEAKS[setting.variable]]
    known = {url: door for door in doors for url in (door.url, f"https://{door.authority}")}
    meant = setting.value if "://" in setting.value else f"https://{setting.value}"
    if meant in known:
        return known[meant] if meant == setting.value else None
    text = f"{setting.value!r} is no endpoint of this world that the tool could ask"
    if any(meant.startswith(f"{url}{mark}") for url in known for mark in "/?#"):
        text = f"{setting.value!r} says more than https://, host and port, and what the tool makes of that is not known"
    where, hint = f"call/{setting.variable.value}", nearest(meant, known) or ", ".join(door.url for door in doors)
    raise ModelError(Problem(where=where, text=text, hint=hint))
