"""Trusted Key Entry: an instance's crypto units, and loading its master key into them. Pure.

The network access policy of private-only leaves its units out of what the public network is told, which is no error.
Assumed: the document of a unit beyond its id, that parts are loaded, committed and set in one request, and its errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from lab.errors import ServiceError
from lab.model.plane import Plane
from lab.services.kms import api, rules
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance
from lab.services.kms.vault import MASTER_BYTES
from lab.services.reply import Reply

UNITS = "/v1/tke/{instance}/hsms"
INITIALISATION = "/v1/tke/{instance}/master-key"
LISTED, INITIALISED = "list-crypto-units", "initialise"
INITIALISED_ALREADY = "instance.initialised-already"
_OPERATIONAL = 2  # crypto units of an instance; the product's default
_PARTS = range(2, 4)


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A crypto unit, and whether its current master key register is Empty or Valid; never the key."""

    hsm_id: str
    location: str
    state: str = "OPERATIONAL"
    version: str = "1"
    serial_number: str
    current_master_key: str
    verification_pattern: str


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """The crypto units of an instance; those for recovery and failover are none here."""

    hsms: Sequence[Unit]
    source_hsms: Sequence[Unit] = ()
    failover_hsms: Sequence[Unit] = ()


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    key_parts: list[str]


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_Parts).decode


def answer(
    instance: Instance | None, operation: str, body: bytes, *, plane: Plane, account: str | None, level: Level,
    named: str, enforce: bool,
) -> api.Answer:  # fmt: skip
    """Return the units of the instance, or what came of loading its master key.

    Args:
        instance: The instance of the door's region that the request names, if there is one.
        operation: ``LISTED`` or ``INITIALISED``.
        plane: That of the listener on which the request arrived.
        account: The account of a genuine, living token; None without one.
        level: What the token's subject may do; both operations need a manager.
        enforce: False is sabotage: the policy is left out.
    """
    try:
        found = rules.known(instance, account=account, named=named)
        refused = enforce and rules.policy_refuses(found.policy, plane, deleted=found.deleted)
        if refused and operation == LISTED:
            return _told(named, Units(hsms=()), rules.PRIVATE_ONLY)
        if refused:
            raise rules.refused(rules.PRIVATE_ONLY)
        rules.there(found)
        rules.require(level, Level.MANAGER)
        if operation == INITIALISED:
            _initialise(found, body)
    except ServiceError as problem:
        return api.Answer(reply=api.refusal(problem), rule=problem.rule, instance=named)
    return _told(named, _units(found), rules.SERVED)


def pattern(master: bytes) -> str:
    """Return the verification pattern of a master key, by which its owner knows it again: it tells nothing of it."""
    return (hashlib.sha256(b"\x01" + master).digest()[:-4] + bytes(4)).hex()


def joined(parts: Sequence[bytes]) -> bytes:
    """Return the master key of its parts: their sum, bit by bit."""
    key = 0
    for part in parts:
        key ^= int.from_bytes(part)
    return key.to_bytes(MASTER_BYTES)


def _told(named: str, units: Units, rule: str) -> api.Answer:
    return api.Answer(reply=Reply(body=_encode(units)), rule=rule, instance=named)


def _units(instance: Instance) -> Units:
    register = "Empty" if instance.master is None else "Valid"
    told = "" if instance.master is None else pattern(instance.master)
    return Units(
        hsms=tuple(
            Unit(
                hsm_id=f"{instance.guid}-{number}",
                location=f"[{instance.region}].[AZ{number}-CS1].[00].[0{number}]",
                serial_number=f"{instance.guid[:8]}{number}",
                current_master_key=register,
                verification_pattern=told,
            )
            for number in range(1, _OPERATIONAL + 1)
        )
    )


def _initialise(instance: Instance, body: bytes) -> None:
    try:
        parts = [bytes.fromhex(part) for part in _decode(body).key_parts]
    except (msgspec.DecodeError, ValueError) as error:
        raise _malformed("key_parts is a list of hexadecimal texts") from error
    if len(parts) not in _PARTS or any(len(part) != MASTER_BYTES for part in parts):
        raise _malformed(f"a master key has two or three parts of {MASTER_BYTES} bytes")
    if instance.master is not None:
        text = "Conflict: The current master key register is not empty"
        raise ServiceError(409, text, rule=INITIALISED_ALREADY)
    instance.master = joined(parts)


def _malformed(text: str) -> ServiceError:
    return ServiceError(400, f"Bad Request: {text}", rule=rules.MALFORMED)
