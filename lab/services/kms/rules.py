"""The door's decisions of key management: who is served, who is refused, and in which order it is asked.

Pure: values in, nothing or a ServiceError out. What the policy means is said here independently of
whoever else reasons about it; nothing here looks at a header, a host name or a caller's address.
"""

from __future__ import annotations

from enum import IntEnum

from lab.errors import ServiceError
from lab.model.plane import Plane, Policy
from lab.services.kms.state import Instance, PolicyRecord

SERVED = "door.served"
MALFORMED = "request.malformed"
NO_TOKEN = "door.no-token"
OTHER_ACCOUNT = "door.other-account"
MISSING_ROLE = "door.missing-role"
PRIVATE_ONLY = "policy.private-only"
INSTANCE_UNKNOWN = "instance.unknown"
INSTANCE_DELETED = "instance.deleted"
NOT_INITIALISED = "instance.not-initialised"
KEY_UNKNOWN = "key.unknown"
KEY_STATE = "key.state"

REFUSED_TEXT = "Unauthorized: The user does not have access to the specified resource"
UNINITIALISED_TEXT = (
    "Bad Request: rpc error: code = Unknown desc = GRPC Return Code: [0X434B525F484F53545F4D454D4F5259] "
    "GRPC Message: [Got error CKR_IBM_WK_NOT_INITIALIZED, from libep11.so in m_UnwrapKey]"
)


class Level(IntEnum):
    """What a role may do; each level includes those below it."""

    NOTHING = 0
    READER = 1
    READER_PLUS = 2
    WRITER = 3
    MANAGER = 4


LEVELS = {"Reader": Level.READER, "ReaderPlus": Level.READER_PLUS, "Writer": Level.WRITER, "Manager": Level.MANAGER}


def level(roles: frozenset[str] | None) -> Level:
    """Return the highest level among ``roles``; None means that nothing was restricted: manager."""
    if roles is None:
        return Level.MANAGER
    return max((LEVELS.get(role, Level.NOTHING) for role in roles), default=Level.NOTHING)


def policy_refuses(policy: PolicyRecord | None, plane: Plane, *, deleted: bool) -> bool:
    """Say whether the network access policy turns a request on ``plane`` away.

    A policy that was never set, or is switched off, allows both planes; that of a deleted instance
    is not enforced (page, "Understanding the network access policy").
    """
    if deleted or policy is None or not policy.enabled:
        return False
    return policy.allowed is Policy.PRIVATE_ONLY and plane is not Plane.PRIVATE


def known(instance: Instance | None, *, account: str | None, named: str | None) -> Instance:
    """Return the instance that the token's account may know of, or raise the refusal; arguments as for ``admit``."""
    if account is None:
        raise refused(NO_TOKEN)
    # Assumed: an instance that does not exist looks like one that the caller may not use (the product's newer
    # text says so), and so does an id that belongs to another door.
    if instance is None or (named and named != instance.guid):
        raise refused(INSTANCE_UNKNOWN)
    if instance.account != account:
        raise refused(OTHER_ACCOUNT)
    return instance


def there(instance: Instance) -> None:
    """Raise the refusal of an instance that is deleted. Assumed: the page says only that its policy is not enforced."""
    if instance.deleted:
        raise ServiceError(404, "Not Found: Instance could not be found", rule=INSTANCE_DELETED)


def admit(
    instance: Instance | None, *, plane: Plane, account: str | None, named: str | None, enforce: bool = True
) -> Instance:
    """Return the instance that the request may ask something of, or raise the product's refusal.

    This is the order of the door's questions. The policy is asked before anything that depends on
    the instance's state or on what the request says, so that a refused caller learns nothing.

    Args:
        instance: The instance behind the door, if there is one.
        plane: The plane of the listener on which the request arrived.
        account: The account of a genuine, living token; None without one.
        named: The instance id that the request names.
        enforce: False is sabotage: the policy is left out.
    """
    instance = known(instance, account=account, named=named)
    if enforce and policy_refuses(instance.policy, plane, deleted=instance.deleted):
        raise refused(PRIVATE_ONLY)
    there(instance)
    if not named:
        # Assumed: the text. The header is documented as required.
        raise ServiceError(400, "Bad Request: Bluemix-Instance header is required", rule=MALFORMED)
    if instance.master is None:
        raise ServiceError(400, UNINITIALISED_TEXT, rule=NOT_INITIALISED)
    return instance


def require(held: Level, needed: Level) -> None:
    """Raise the refusal of a missing role unless ``held`` reaches ``needed``."""
    if held < needed:
        raise refused(MISSING_ROLE)


def refused(rule: str) -> ServiceError:
    """Return the one refusal for everything that the caller may not know apart: same status, same document."""
    return ServiceError(401, REFUSED_TEXT, rule=rule)
