"""Faults of the cloud: one thing in it is broken on purpose, so that tests see a run notice it.

``lab.live.sabotage`` asks for them. Without one nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from lab.errors import ServiceError
from lab.model.plane import Plane, Surface
from lab.serve import messages
from lab.serve.cloud import Cloud
from lab.serve.doors import Doors
from lab.services.kms import api, rules
from lab.services.kms.api import Answer, Arrival, Operation
from lab.services.kms.operations import Request
from lab.services.kms.state import Store


class Faults:
    """What is broken in one cloud, whose log lines go to ``log``."""

    def __init__(self, cloud: Cloud, doors: Doors, log: Callable[[str], None]) -> None:
        """Begin with a sound one."""
        self._cloud, self._doors, self._log = cloud, doors, log
        self._enforced = frozenset(cloud.enforced_on)
        self._deaf = self._forgetful = False

    def add(self, name: str, target: str) -> None:
        """Break one thing from now on; ValueError if there is no such fault."""
        if name not in messages.FAULTS:
            raise ValueError(f"no fault named {name!r}; there are: {', '.join(messages.FAULTS)}")
        getattr(self, name.replace("-", "_"))(target)

    def obey(self, asked: messages.Operation) -> None:
        """Have the cloud do what its operator asks, or less."""
        if self._deaf:
            return
        match asked:
            case messages.Provision() if self._forgetful:
                self._cloud.obey(msgspec.structs.replace(asked, allowed_network=None))
            case messages.Restore() if self._forgetful:
                self._cloud.obey(asked)
                if (restored := self._cloud.instances.by_guid(asked.guid)) is not None:
                    restored.policy = None
            case _:
                self._cloud.obey(asked)

    def close_listener(self, door: str) -> None:
        """A door stops listening."""
        self._doors.close_listener(door)

    def console_inside(self, _target: str) -> None:
        """The console asks key management at the private door."""
        self._cloud.console_side = Plane.PRIVATE

    def deaf_operator(self, _target: str) -> None:
        """What the operator does to instances is acknowledged and not carried out."""
        self._deaf = True

    def do_refused(self, _target: str) -> None:
        """Key management refuses what the policy refuses, and does it all the same."""
        sound = api.answer

        def done(store: Store, arrival: Arrival, operation: Operation, request: Request) -> Answer:
            given = sound(store, arrival, operation, request)
            instance = store.by_name(arrival.door_instance or "")
            if given.rule == rules.PRIVATE_ONLY and instance is not None:
                with suppress(ServiceError):
                    operation.run(instance, request)
            return given

        api.answer = done

    def drop_policy(self, _target: str) -> None:
        """An instance is provisioned without the policy that was chosen for it, or restored without the one it had."""
        self._forgetful = True

    def enforce_deleted(self, _target: str) -> None:
        """The policy of a deleted instance is enforced."""
        refuses = rules.policy_refuses
        rules.policy_refuses = lambda policy, plane, **_deleted: refuses(policy, plane, deleted=False)

    def ignore_policy(self, surface: str) -> None:
        """The policy is left unasked, on every surface or on the one that is named."""
        if not surface:
            self._cloud.enforced_on.clear()
            return
        if Surface(surface) not in self._enforced:
            raise LookupError(f"{surface} asks no policy")
        self._cloud.enforced_on.discard(Surface(surface))

    def lying_log(self, field: str) -> None:
        """The services log something else in one field."""
        self._cloud.sink = partial(self._lie, field)

    def _lie(self, field: str, line: str) -> None:
        self._log(msgspec.json.encode({**msgspec.json.decode(line), field: "a lie"}).decode())
