"""What the key-management service holds: instances, their policy and their keys. Memory only, no I/O.

Key material is only ever here in wrapped form; the master key that unwraps it is drawn by whoever
initialises the instance and is part of the instance, as a crypto unit would keep it.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from enum import IntEnum

from lab.model.plane import Policy


class KeyState(IntEnum):
    """The product's key states (NIST SP 800-57)."""

    PRE_ACTIVE = 0
    ACTIVE = 1
    SUSPENDED = 2
    DEACTIVATED = 3
    DESTROYED = 5


LISTED = frozenset({KeyState.PRE_ACTIVE, KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.DEACTIVATED})
"""The states that a listing shows when the caller names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key. ``wrapped`` is its material under the instance's master key; ``extractable`` means standard key.

    ``document`` is the key as listings show it, encoded once: a list of a hundred keys is a join.
    """

    id: str
    name: str
    crn: str
    extractable: bool
    imported: bool
    bits: int
    wrapped: bytes = field(repr=False)
    version: str
    created: str
    created_by: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    expires: str = ""
    state: KeyState = KeyState.ACTIVE
    deleted: str = ""
    deleted_by: str = ""
    document: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """The ``allowedNetwork`` policy as it was last set: switched on or off, what it allows, by whom and when."""

    enabled: bool
    allowed: Policy
    created: str
    created_by: str
    updated: str
    updated_by: str


@dataclass(slots=True, kw_only=True)
class Instance:
    """A crypto instance. ``policy`` None: never set. ``master`` None: not initialised.

    One that is ``deleted`` keeps what it holds, for it may be restored.
    """

    name: str
    guid: str
    crn: str
    account: str
    region: str
    policy: PolicyRecord | None = None
    master: bytes | None = field(default=None, repr=False)
    deleted: bool = False
    keys: dict[str, Key] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def add(self, key: Key) -> None:
        """Take ``key`` in; listings are in the order of ids."""
        self.keys[key.id] = key
        insort(self.ids, key.id)
        self.aliases.update(dict.fromkeys(key.aliases, key.id))

    def replace(self, key: Key) -> None:
        """Put ``key`` in the place of the one with its id."""
        self.keys[key.id] = key

    def find(self, name: str) -> Key | None:
        """Return the key with this id or alias, or None."""
        return self.keys.get(name) or self.keys.get(self.aliases.get(name, ""))


class Store:
    """The instances of the cloud, by id and by name."""

    __slots__ = ("_by_guid", "_by_name")

    def __init__(self) -> None:
        """Start without instances."""
        self._by_guid: dict[str, Instance] = {}
        self._by_name: dict[str, Instance] = {}

    def put(self, instance: Instance) -> None:
        """Add ``instance``; names and ids are given once."""
        if instance.guid in self._by_guid or instance.name in self._by_name:
            raise ValueError(f"instance {instance.name!r} ({instance.guid}) exists")
        self._by_guid[instance.guid] = self._by_name[instance.name] = instance

    def by_guid(self, guid: str) -> Instance | None:
        """Return the instance with this id, or None."""
        return self._by_guid.get(guid)

    def by_name(self, name: str) -> Instance | None:
        """Return the instance with this name, or None."""
        return self._by_name.get(name)
