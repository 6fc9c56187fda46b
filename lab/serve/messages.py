"""What the network process and the cloud process say to each other: the wire's nouns, nothing else.

Every request carries an ``id`` and is answered by exactly one of ``Done``, ``Prepared`` or ``Failed``.
``Log`` comes unasked, one for each request that a door answered. Sending is ``lab.wire``'s part.
"""

from __future__ import annotations

import msgspec

from lab.model.plane import Plane, Surface


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """One front door: a surface on a plane, its names, its addresses (text) and its port.

    ``plane`` is the only thing from which a request's plane is decided. ``instance`` is the name of the
    instance that a port-based door belongs to, None where instances share the door.
    """

    name: str
    surface: Surface
    plane: Plane
    region: str
    names: list[str]
    addresses: list[str]
    port: int
    instance: str | None = None


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag="prepare"):
    """Make the certificates of ``doors``. May come again with further doors; the CA stays the same."""

    id: int
    doors: list[Door]


class Listen(msgspec.Struct, frozen=True, kw_only=True, tag="listen"):
    """Open prepared doors. Listening sockets ride along, one for each (door, address), in that order."""

    id: int
    door_names: list[str]


class Account(msgspec.Struct, frozen=True, kw_only=True, tag="account"):
    """Create an account, or replace it: API keys to the subject that each stands for, subjects to roles.

    A subject without an entry in ``roles`` is a manager; one with an empty list may do nothing.
    """

    id: int
    name: str
    account_id: str
    api_keys: dict[str, str]
    roles: dict[str, list[str]] = {}


class Provision(msgspec.Struct, frozen=True, kw_only=True, tag="provision"):
    """Create an instance, as the lab's operator does. ``account`` is the account's id.

    ``doors`` are those at which the instance is asked for, on every surface: the broker tells them, the console asks.
    """

    id: int
    instance: str
    guid: str
    crn: str
    account: str
    region: str
    allowed_network: str | None = None
    doors: list[Door] = []


class Initialise(msgspec.Struct, frozen=True, kw_only=True, tag="initialise"):
    """Draw and commit the instance's master key."""

    id: int
    guid: str


class Delete(msgspec.Struct, frozen=True, kw_only=True, tag="delete"):
    """Delete the instance; its policy is not enforced any more, and what it holds is kept for a restore."""

    id: int
    guid: str


class Restore(msgspec.Struct, frozen=True, kw_only=True, tag="restore"):
    """Bring a deleted instance back as it was."""

    id: int
    guid: str


FAULTS = (
    "close-listener", "console-inside", "deaf-operator", "do-refused", "drop-policy", "enforce-deleted",
    "ignore-policy", "lying-log",
)  # fmt: skip


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag="fault"):
    """Sabotage on purpose: one of ``FAULTS``, and what it is about; ``lab.serve.faults`` says what each does."""

    id: int
    name: str
    target: str = ""


class Close(msgspec.Struct, frozen=True, kw_only=True, tag="close"):
    """Finish the requests in flight, close every door, answer, and end."""

    id: int


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The request was carried out."""

    id: int


class Prepared(msgspec.Struct, frozen=True, kw_only=True, tag="prepared"):
    """The certificates are made; ``ca_pem`` is what clients of this lab must trust."""

    id: int
    ca_pem: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The request was not carried out; ``error`` says why, ``errno`` where it was the kernel's refusal (else 0).

    With id 0 it answers every request that is under way, and the process ends.
    """

    id: int
    error: str
    errno: int = 0


class Log(msgspec.Struct, frozen=True, kw_only=True, tag="log"):
    """One answered request, as a JSON object (``lab.serve.log.Line``)."""

    line: str


Operation = Account | Provision | Initialise | Delete | Restore
"""What the lab's operator does to the services' state."""
Request = Prepare | Listen | Account | Provision | Initialise | Delete | Restore | Fault | Close
Reply = Done | Prepared | Failed
FromCloud = Done | Prepared | Failed | Log
