"""The key-management API as one function: which operation a path and method mean, and the answer to a request.

Whoever carries requests here (a listener, a test without sockets) says on which plane they arrived; the
answer's ``rule`` says what decided, for the log, never for the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from lab.errors import ServiceError
from lab.model.plane import Plane
from lab.services.kms import documents, operations, policies, rules
from lab.services.kms.operations import Request
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance, Store
from lab.services.reply import Reply

ROOT = "/api/v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation of the API: its name in logs, what carries it out, and the level that it needs."""

    name: str
    run: Callable[[Instance, Request], Reply]
    needs: Level


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """How a request came: the door's plane and instance, whose token it carries, which instance it names.

    ``account`` None: no genuine, living token. ``level`` is what the token's subject may do there.
    """

    plane: Plane
    door_instance: str | None
    account: str | None
    level: Level
    named: str | None
    enforce: bool = True


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The reply, the rule that decided, and the id of the instance that it was about."""

    reply: Reply
    rule: str
    instance: str


OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    f"{ROOT}/keys": {
        "GET": Operation(name="list-keys", run=operations.list_keys, needs=Level.READER),
        "HEAD": Operation(name="count-keys", run=operations.count_keys, needs=Level.READER),
        "POST": Operation(name="create-key", run=operations.create_key, needs=Level.WRITER),
    },
    f"{ROOT}/keys/{{key}}": {
        "GET": Operation(name="get-key", run=operations.get_key, needs=Level.READER_PLUS),
        "DELETE": Operation(name="delete-key", run=operations.delete_key, needs=Level.MANAGER),
    },
    f"{ROOT}/keys/{{key}}/metadata": {
        "GET": Operation(name="get-metadata", run=operations.get_metadata, needs=Level.READER),
    },
    f"{ROOT}/keys/{{key}}/actions/wrap": {
        "POST": Operation(name="wrap", run=operations.wrap, needs=Level.READER),
    },
    f"{ROOT}/keys/{{key}}/actions/unwrap": {
        "POST": Operation(name="unwrap", run=operations.unwrap, needs=Level.READER),
    },
    f"{ROOT}/instance/policies": {
        "GET": Operation(name="get-policy", run=policies.get_policy, needs=Level.MANAGER),
        "PUT": Operation(name="set-policy", run=policies.set_policy, needs=Level.MANAGER),
    },
}


def answer(store: Store, arrival: Arrival, operation: Operation, request: Request) -> Answer:
    """Return the answer to ``request``. The check and the change happen here, with nothing in between."""
    instance = _behind(store, arrival)
    try:
        admitted = rules.admit(
            instance, plane=arrival.plane, account=arrival.account, named=arrival.named, enforce=arrival.enforce
        )
        rules.require(arrival.level, operation.needs)
        reply, rule = operation.run(admitted, request), rules.SERVED
    except ServiceError as problem:
        reply, rule = refusal(problem), problem.rule
    return Answer(reply=reply, rule=rule, instance=instance.guid if instance else arrival.named or "")


class Unserved(ServiceError):
    """A request that no operation was made for; ``headers`` go with the refusal."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        """Refuse with ``status`` and ``message``."""
        super().__init__(status, message, rule=rules.MALFORMED)
        self.headers = headers


def refusal(problem: ServiceError) -> Reply:
    """Return the product's reply for ``problem``."""
    headers = problem.headers if isinstance(problem, Unserved) else ()
    if problem.status == 401:
        headers = ((b"www-authenticate", b"Bearer"),)
    return Reply(status=problem.status, media=documents.JSON, body=documents.error(problem), headers=headers)


def no_such_path(_instance: Instance, _request: Request) -> Reply:
    """Refuse a path that the lab's API does not have; asked after the door's checks, like every operation."""
    raise Unserved(404, "Not Found: The requested path could not be found")


def body_too_long(_instance: Instance, _request: Request) -> Reply:
    """Refuse a request whose body nobody read to its end."""
    raise too_long()


def too_long() -> Unserved:
    """Return the refusal of a body that nobody read to its end; the connection cannot be used any more."""
    text = "Request Entity Too Large: The body of the request is too long"
    return Unserved(413, text, (b"connection", b"close"))


def other_method(allowed: tuple[str, ...]) -> Operation:
    """Return the operation that refuses a method that a path does not have, naming those it has."""

    def refuse(_instance: Instance, _request: Request) -> Reply:
        raise Unserved(405, "Method Not Allowed", (b"allow", ", ".join(allowed).encode()))

    return Operation(name="other-method", run=refuse, needs=Level.NOTHING)


TOO_LONG = Operation(name="too-long", run=body_too_long, needs=Level.NOTHING)
UNKNOWN_PATH = Operation(name="unknown-path", run=no_such_path, needs=Level.NOTHING)


def _behind(store: Store, arrival: Arrival) -> Instance | None:
    """Return the instance behind the door: a port-based door has one, a shared one is told by the request."""
    if arrival.door_instance is not None:
        return store.by_name(arrival.door_instance)
    return store.by_guid(arrival.named) if arrival.named else None
