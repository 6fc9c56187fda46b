"""Whom a call asks: the endpoint of its surface and plane, or the one to which a tool's variable leads."""

from __future__ import annotations

from urllib.parse import urlsplit

from lab.errors import ModelError, Problem, nearest
from lab.model.call import Call
from lab.model.endpoint import HTTPS, INSTANCE_SURFACES, Endpoint, endpoints, iam, key_protect, of_instance
from lab.model.plane import Surface
from lab.model.variables import Setting
from lab.model.world import World


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
    if call.surface not in INSTANCE_SURFACES:
        text = f"surface {call.surface.value} has no endpoint in this version"
        raise ModelError(Problem(where=f"call/{call.by}/surface", text=text, hint="kms, ep11 or iam"))
    return of_instance(world.instance(call.instance, where="call/instance"), call.surface, call.plane)


def _led(world: World, call: Call, setting: Setting) -> Endpoint | None:
    if setting.value is None:
        return key_protect(world.instance(call.instance, where="call/instance").region)
    known = {door.url: door for door in endpoints(world)}
    where = f"call/{setting.variable.value}"
    meant = setting.value if "://" in setting.value else f"https://{setting.value}"
    try:
        url = urlsplit(meant)
        host, port = url.hostname, url.port or HTTPS
    except ValueError as error:
        text = f"{setting.value!r} is no URL: {error}"
        raise ModelError(Problem(where=where, text=text, hint=nearest(meant, known))) from error
    for door in known.values():
        if (url.scheme, host, port) == ("https", door.names[0], door.port):
            return door if meant == setting.value else None
    text = f"{setting.value!r} is no endpoint of this world"
    raise ModelError(Problem(where=where, text=text, hint=nearest(meant, known) or ", ".join(known)))
