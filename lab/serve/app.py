"""The HTTP doors' applications, one for each surface: paths to operations, HTTP's words to the services' own.

Applications are made before a lab is forked and shared by all its doors; they hold no state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from lab.errors import ServiceError
from lab.model.plane import Surface
from lab.serve.exchange import Answer, Asked, Endpoint
from lab.services.iam import operations as iam
from lab.services.iam import rules as iam_rules
from lab.services.kms import api, rules
from lab.services.kms.operations import Request
from lab.services.kms.state import Store
from lab.services.reply import Reply

_JSON = "application/json"
_NO_INSTANCES = Store()
"""What Key Protect has of this service's instances."""


@functools.cache
def surface_app(surface: Surface) -> ASGIApp:
    """Return the application of ``surface``; made once, shared by every door of it."""
    return {Surface.KMS: _kms, Surface.KEY_PROTECT: _kms, Surface.IAM: _iam}[surface]()


def _kms() -> ASGIApp:
    routes = [Route(path, Endpoint(_kms_path(operations))) for path, operations in api.OPERATIONS.items()]
    return Router(routes, redirect_slashes=False, default=Endpoint(_kms_path({}, api.UNKNOWN_PATH)))


def _kms_path(
    operations: Mapping[str, api.Operation], otherwise: api.Operation | None = None
) -> Callable[[Asked], Answer]:
    """Return what answers requests for a path with these operations, by method."""
    other = otherwise or api.other_method(tuple(operations))

    def answer(asked: Asked) -> Answer:
        cloud = asked.cloud
        bearer, level = cloud.bearer(asked.header(b"authorization"))
        operation = operations.get(asked.method, other) if asked.body is not None else api.TOO_LONG
        arrival = api.Arrival(
            plane=asked.door.plane,
            door_instance=asked.door.instance,
            account=bearer.account if bearer else None,
            level=level,
            named=asked.header(b"bluemix-instance") or None,
            enforce=Surface.KMS in cloud.enforced_on,
        )
        request = Request(
            subject=bearer.subject if bearer else "",
            now=cloud.clock(),
            draw=cloud.draw,
            key=asked.parameters.get("key", ""),
            query=dict(parse_qsl(asked.query.decode("latin-1"), keep_blank_values=True)) if asked.query else {},
            body=asked.body or b"",
            prefer=asked.header(b"prefer"),
        )
        store = cloud.instances if asked.door.surface is Surface.KMS else _NO_INSTANCES
        given = api.answer(store, arrival, operation, request)
        return Answer(
            reply=given.reply,
            operation=operation.name,
            rule=given.rule,
            subject=request.subject,
            instance=given.instance,
        )

    return answer


def _iam() -> ASGIApp:
    routes = [
        Route("/identity/token", Endpoint(_only("POST", _token))),
        Route("/oidc/token", Endpoint(_only("POST", _token))),
        Route("/identity/keys", Endpoint(_only("GET", _keys))),
    ]
    return Router(routes, redirect_slashes=False, default=Endpoint(_iam_unknown))


def _token(asked: Asked) -> Answer:
    if asked.body is None:
        return _iam_refused(asked, "token", ServiceError(413, "Request body is too long", rule=rules.MALFORMED))
    try:
        fields = iam.credentials(asked.body, asked.query)
        identity, granted = asked.cloud.issuer.grant(fields, now=asked.cloud.clock())
    except ServiceError as problem:
        return _iam_refused(asked, "token", problem)
    return Answer(
        reply=Reply(body=iam.encode(granted), headers=((b"cache-control", b"no-store"),)),
        operation="token",
        rule=iam_rules.SERVED,
        subject=identity.subject,
    )


def _keys(asked: Asked) -> Answer:
    return Answer(
        reply=Reply(body=iam.encode(asked.cloud.issuer.keys())), operation="token-keys", rule=iam_rules.SERVED
    )


def _only(method: str, answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Return ``answer`` for one method; others are told which it is."""

    def checked(asked: Asked) -> Answer:
        if asked.method == method:
            return answer(asked)
        problem = ServiceError(405, "Method not allowed", code="BXNIM0120E", rule=rules.MALFORMED)
        return _iam_refused(asked, "other-method", problem, (b"allow", method.encode()))

    return checked


def _iam_unknown(asked: Asked) -> Answer:
    return _iam_refused(asked, "unknown-path", ServiceError(404, "Not found", rule=rules.MALFORMED))


def _iam_refused(asked: Asked, operation: str, problem: ServiceError, *headers: tuple[bytes, bytes]) -> Answer:
    body = iam.refusal(problem, request_id=asked.request_id, path=asked.path, now=asked.cloud.clock())
    reply = Reply(
        status=problem.status,
        media=_JSON,
        body=body,
        headers=((b"transaction-id", asked.request_id.encode("latin-1")), *headers),
    )
    return Answer(reply=reply, operation=operation, rule=problem.rule)
