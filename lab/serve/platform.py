"""What is said of instances at doors that they share: the broker's document, TKE's crypto units, the web console.

The console holds nothing and decides nothing about an instance. It asks services as a client on the internet, with the
user's token and correlation id, through the same answer as any request at that door and with a log line of its own
there; what it is told it shows, status and document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from lab.errors import ServiceError
from lab.model.plane import Plane, Surface
from lab.serve.exchange import Answer, Asked, Endpoint, note
from lab.services import broker as instances
from lab.services import tke as units
from lab.services.kms import api, rules
from lab.services.kms.state import Instance

ROOT: Final = "/services/hs-crypto/{instance}"
_PASSED_ON: Final = frozenset({b"authorization", b"content-type", b"accept"})
_UNSERVED: Final = "unserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a request at a region's door is about: the instance that its path names, and whose token it carries.

    ``instance`` is None where there is none of that id in the region; ``account`` without a genuine, living token.
    """

    named: str
    instance: Instance | None
    account: str | None
    subject: str
    level: rules.Level

    def told(self, given: api.Answer, operation: str) -> Answer:
        """Return the answer with what the log shall say of it."""
        return Answer(
            reply=given.reply,
            operation=operation,
            rule=given.rule,
            subject=self.subject,
            instance=given.instance,
            left_out=given.rule == rules.PRIVATE_ONLY,
        )


def _about(asked: Asked) -> _About:
    named = asked.parameters["instance"]
    bearer, level = asked.cloud.bearer(asked.header(b"authorization"))
    found = asked.cloud.instances.by_guid(named)
    return _About(
        named=named,
        instance=found if found is not None and found.region == asked.door.region else None,
        account=bearer.account if bearer else None,
        subject=bearer.subject if bearer else "",
        level=level,
    )


def broker() -> ASGIApp:
    """Return a region's broker."""
    return Router([Route(instances.PATH, Endpoint(_document))], redirect_slashes=False, default=Endpoint(_unknown))


def _document(asked: Asked) -> Answer:
    """Tell where an instance is: an instance of another region is none here."""
    if (refused := _unfit(asked, "GET")) is not None:
        return refused
    about, endpoints = _about(asked), dict[str, dict[str, str]]()
    for door in asked.cloud.doors.get(about.named, {}).values():
        if door.instance is not None:
            endpoints.setdefault(door.surface.value, {})[door.plane.value] = f"{door.names[0]}:{door.port}"
    given = instances.answer(about.instance, endpoints, account=about.account, level=about.level, named=about.named)
    return about.told(given, instances.OPERATION)


def tke() -> ASGIApp:
    """Return a region's Trusted Key Entry."""
    routes = [
        Route(units.UNITS, Endpoint(partial(_units, "GET", units.LISTED))),
        Route(units.INITIALISATION, Endpoint(partial(_units, "POST", units.INITIALISED))),
    ]
    return Router(routes, redirect_slashes=False, default=Endpoint(_unknown))


def _units(method: str, operation: str, asked: Asked) -> Answer:
    """Do ``operation`` on an instance's crypto units: an instance of another region is none here."""
    if (refused := _unfit(asked, method)) is not None:
        return refused
    about = _about(asked)
    given = units.answer(
        about.instance,
        operation,
        asked.body or b"",
        plane=asked.door.plane,
        account=about.account,
        level=about.level,
        named=about.named,
        enforce=Surface.TKE in asked.cloud.enforced_on,
    )
    return about.told(given, operation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What the console shows: its last path segment there, and the request to a service that stands behind it.

    ``query`` None: the browser's own.
    """

    segment: str
    methods: tuple[str, ...]
    path: str
    answer: Callable[[Asked], Answer]
    surface: Surface = Surface.KMS
    query: bytes | None = None


OVERVIEW: Final = Item(
    segment="overview", methods=("GET",), path=instances.PATH, answer=_document, surface=Surface.BROKER, query=b""
)


def console(items: Iterable[Item]) -> ASGIApp:
    """Return the console that shows ``items``."""
    routes = [Route(f"{ROOT}/{item.segment}", Endpoint(partial(_shown, item))) for item in items]
    return Router(routes, redirect_slashes=False, default=Endpoint(_unknown))


def _shown(item: Item, asked: Asked) -> Answer:
    guid = asked.parameters["instance"]
    if asked.method not in item.methods:
        return _other_method(item.methods)
    plane = asked.cloud.console_side if item.surface is Surface.KMS else Plane.PUBLIC
    door = asked.cloud.doors.get(guid, {}).get((item.surface, plane))
    if door is None:  # no service that could be asked
        return _refused(rules.refused(rules.INSTANCE_UNKNOWN))
    headers = {name: value for name, value in asked.headers.items() if name in _PASSED_ON}
    onward = msgspec.structs.replace(
        asked,
        door=door,
        path=item.path.format(instance=guid),
        headers={**headers, b"bluemix-instance": guid.encode()},
        query=asked.query if item.query is None else item.query,
        caller=asked.door.name,
        caller_port=0,
        origin=Surface.CONSOLE,
    )
    given = item.answer(onward)
    note(onward, given)
    return given


def _unknown(_asked: Asked) -> Answer:
    return _refused(api.Unserved(404, "Not Found: The requested path could not be found"))


def _unfit(asked: Asked, method: str) -> Answer | None:
    """Return the refusal of a request by another method, or whose body was too long to read."""
    if asked.method != method:
        return _other_method((method,))
    return _refused(api.too_long()) if asked.body is None else None


def _other_method(allowed: tuple[str, ...]) -> Answer:
    return _refused(api.Unserved(405, "Method Not Allowed", (b"allow", ", ".join(allowed).encode())))


def _refused(problem: ServiceError) -> Answer:
    return Answer(reply=api.refusal(problem), operation=_UNSERVED, rule=problem.rule)
