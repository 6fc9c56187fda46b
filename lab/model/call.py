"""A call: who asks, which service, which surface, which endpoint it means. The question of every step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from lab.model.plane import Plane, Policy, Surface


class Operation(Enum):
    """What is asked of the surface."""

    TOKEN = "token"
    LIST = "list-keys"
    CREATE = "create-key"
    GET = "get-key"
    WRAP = "wrap"
    UNWRAP = "unwrap"
    DELETE = "delete-key"
    GET_POLICY = "get-policy"
    SET_POLICY = "set-policy"


NEEDS_KEY = frozenset({Operation.CREATE, Operation.GET, Operation.WRAP, Operation.UNWRAP, Operation.DELETE})
DEFAULT_KEY = "order-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a host to one endpoint.

    ``plane`` is the endpoint that the client was configured with, by name; which door its packets
    find is for the network to say. ``key`` names the key that the operation is about, ``policy`` the
    setting that ``SET_POLICY`` carries. The token is the caller's account's, from IAM. ``first_only``: the client
    tries the first of the name's addresses and gives up, where others try the next.
    """

    by: str
    instance: str
    plane: Plane
    surface: Surface = Surface.KMS
    operation: Operation = Operation.LIST
    key: str | None = None
    policy: Policy | None = None
    first_only: bool = False

    @classmethod
    def public(cls, by: str, instance: str, operation: Operation = Operation.LIST, *, key: str | None = None) -> Call:
        """Return a key-management call to the public endpoint."""
        return cls._made(by, instance, Plane.PUBLIC, operation, key)

    @classmethod
    def private(cls, by: str, instance: str, operation: Operation = Operation.LIST, *, key: str | None = None) -> Call:
        """Return a key-management call to the private endpoint."""
        return cls._made(by, instance, Plane.PRIVATE, operation, key)

    @classmethod
    def token(cls, by: str, instance: str, plane: Plane) -> Call:
        """Return a call for an IAM token for ``by``'s account, to be used on ``instance`` afterwards."""
        return cls(by=by, instance=instance, plane=plane, surface=Surface.IAM, operation=Operation.TOKEN)

    @classmethod
    def _made(cls, by: str, instance: str, plane: Plane, operation: Operation, key: str | None) -> Call:
        named = key or (DEFAULT_KEY if operation in NEEDS_KEY else None)
        return cls(by=by, instance=instance, plane=plane, operation=operation, key=named)

    def to(self, operation: Operation, *, key: str | None = None) -> Call:
        """Return the same caller's call to the same endpoint for another operation."""
        named = key or (DEFAULT_KEY if operation in NEEDS_KEY else None)
        return replace(self, operation=operation, key=named)

    def impatient(self) -> Call:
        """Return the same call by a client that tries the first of the name's addresses only."""
        return replace(self, first_only=True)

    def __str__(self) -> str:
        """For people: ``laptop → kms/public of keys: list-keys``."""
        about = f" {self.key}" if self.key else f" {self.policy.value}" if self.policy else ""
        about += ", at the first address only" * self.first_only
        return f"{self.by} → {self.surface.value}/{self.plane.value} of {self.instance}: {self.operation.value}{about}"
