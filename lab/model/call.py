"""A call: who asks, which service, which surface, which endpoint it means. The question of every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from lab.model.plane import Plane, Policy, Surface
from lab.model.variables import Setting, Variable


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
    LIST_MECHANISMS = "list-mechanisms"
    GENERATE_KEY = "generate-key"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"


OPERATIONS: Mapping[Surface, frozenset[Operation]] = MappingProxyType({
    Surface.IAM: frozenset({Operation.TOKEN}),
    Surface.KMS: frozenset({
        Operation.LIST, Operation.CREATE, Operation.GET, Operation.WRAP, Operation.UNWRAP, Operation.DELETE,
        Operation.GET_POLICY, Operation.SET_POLICY,
    }),
    Surface.EP11: frozenset({Operation.LIST_MECHANISMS, Operation.GENERATE_KEY, Operation.ENCRYPT, Operation.DECRYPT}),
})  # fmt: skip
"""What each surface can be asked."""
PLAINEST: Mapping[Surface, Operation] = MappingProxyType({
    Surface.IAM: Operation.TOKEN, Surface.KMS: Operation.LIST, Surface.EP11: Operation.LIST_MECHANISMS,
})  # fmt: skip
"""What a surface is asked where nobody says what: it needs no key and changes nothing."""
NEEDS_KEY = frozenset({
    Operation.CREATE, Operation.GET, Operation.WRAP, Operation.UNWRAP, Operation.DELETE,
    Operation.GENERATE_KEY, Operation.ENCRYPT, Operation.DECRYPT,
})  # fmt: skip
DEFAULT_KEY = "order-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a host to one endpoint.

    ``plane`` is the endpoint that the client was configured with, by name; which door its packets
    find is for the network to say. ``key`` names the key that the operation is about, ``policy`` the
    setting that ``SET_POLICY`` carries. The token is the caller's account's, from IAM. EP11 holds no keys: a key there
    is a blob in the client's hands, and a step may show it to another instance than the one that made it.
    ``first_only``: the client tries the first of the name's addresses and gives up, where others try the next.
    ``setting``: the client is a tool that is told its endpoint by a variable; ``plane`` is what the setting means.
    """

    by: str
    instance: str
    plane: Plane
    surface: Surface = Surface.KMS
    operation: Operation = Operation.LIST
    key: str | None = None
    policy: Policy | None = None
    first_only: bool = False
    setting: Setting | None = None

    @classmethod
    def public(cls, by: str, instance: str, operation: Operation = Operation.LIST, *, key: str | None = None) -> Call:
        """Return a key-management call to the public endpoint."""
        return cls._made(by, instance, Plane.PUBLIC, operation, key, Surface.KMS)

    @classmethod
    def private(cls, by: str, instance: str, operation: Operation = Operation.LIST, *, key: str | None = None) -> Call:
        """Return a key-management call to the private endpoint."""
        return cls._made(by, instance, Plane.PRIVATE, operation, key, Surface.KMS)

    @classmethod
    def ep11_public(
        cls, by: str, instance: str, operation: Operation = Operation.LIST_MECHANISMS, *, key: str | None = None
    ) -> Call:
        """Return a GREP11 call to the public EP11 endpoint."""
        return cls._made(by, instance, Plane.PUBLIC, operation, key, Surface.EP11)

    @classmethod
    def ep11_private(
        cls, by: str, instance: str, operation: Operation = Operation.LIST_MECHANISMS, *, key: str | None = None
    ) -> Call:
        """Return a GREP11 call to the private EP11 endpoint."""
        return cls._made(by, instance, Plane.PRIVATE, operation, key, Surface.EP11)

    @classmethod
    def kp(
        cls,
        by: str,
        instance: str,
        operation: Operation = Operation.LIST,
        *,
        address: str | None,
        key: str | None = None,
    ) -> Call:
        """Return what ``ibmcloud kp`` asks where ``KP_PRIVATE_ADDR`` is ``address``; None: it is unset."""
        setting = Setting(variable=Variable.KP_PRIVATE_ADDR, value=address)
        return replace(cls._made(by, instance, setting.plane, operation, key, Surface.KMS), setting=setting)

    @classmethod
    def token(cls, by: str, instance: str, plane: Plane) -> Call:
        """Return a call for an IAM token for ``by``'s account, to be used on ``instance`` afterwards."""
        return cls(by=by, instance=instance, plane=plane, surface=Surface.IAM, operation=Operation.TOKEN)

    @classmethod
    def _made(
        cls, by: str, instance: str, plane: Plane, operation: Operation, key: str | None, surface: Surface
    ) -> Call:
        named = key or (DEFAULT_KEY if operation in NEEDS_KEY else None)
        return cls(by=by, instance=instance, plane=plane, surface=surface, operation=operation, key=named)

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
        about += f" ({self.setting})" if self.setting else ""
        return f"{self.by} → {self.surface.value}/{self.plane.value} of {self.instance}: {self.operation.value}{about}"
