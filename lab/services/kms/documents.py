"""The shapes of key management's requests and answers, as they go over the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lab.errors import ServiceError
from lab.services.kms.rules import MALFORMED

KEY = "application/vnd.ibm.kms.key+json"
WRAP = "application/vnd.ibm.kms.key_action_wrap+json"
UNWRAP = "application/vnd.ibm.kms.key_action_unwrap+json"
POLICY = "application/vnd.ibm.kms.policy+json"
ERROR = "application/vnd.ibm.kms.error+json"
JSON = "application/json"
MORE_INFO = "https://cloud.ibm.com/apidocs/key-protect"

T = TypeVar("T")
_HEADS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    422: "Unprocessable Entity",
}

REASONS = {
    "BAD_BODY_ERR": "Invalid body data was passed. Please ensure the data passed had valid formatting with no "
    "invalid characters",
    "BODY_QUERY_PARAM_MISMATCH_ERR": "Data in body does not match data required by query parameter",
    "COLLECTION_TOTAL_MISMATCH_ERR": "Collection total does not match number of resources",
    "FEATURE_RESTRICTED_ERR": "This action is not permitted on this resource",
    "INVALID_QUERY_PARAM_ERR": "The query parameter is not valid",
    "KEY_ACTION_INVALID_STATE_ERR": "Key is not in a valid state",
    "KEY_DELETED_ERR": "Key has already been deleted. Please delete references to this key.",
    "KEY_NOT_FOUND_ERR": "key does not exist",
    "KEY_ROOT_REQ_ERR": "Requested action can only be completed with a root key",
    "NO_BODY_ERR": "Missing body in request",
    "NUM_COLLECTION_RESOURCE_ERR": "Only a single instance policy may be created per query parameter: "
    "Please pass single resource object",
    "UNPROCESSABLE_CIPHERTEXT_ERR": "The provided ciphertext is invalid or corrupted",
}


class Received(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of request shapes: the product refuses fields that it does not know."""


class Metadata(Received, frozen=True, kw_only=True):
    """The head of every collection."""

    collectionType: str  # noqa: N815
    collectionTotal: int  # noqa: N815


class KeyCreation(Received, frozen=True, kw_only=True):
    """One key to create, or to import when ``payload`` (base64) is there."""

    type: str = KEY
    name: Annotated[str, Meta(min_length=1, max_length=90)]
    description: Annotated[str, Meta(max_length=240)] = ""
    extractable: bool = True
    payload: str = ""
    expirationDate: str = ""  # noqa: N815
    aliases: Annotated[list[Annotated[str, Meta(min_length=2, max_length=90)]], Meta(max_length=5)] = []
    tags: list[str] = []


class KeyCreations(Received, frozen=True, kw_only=True):
    """The body of a key's creation: exactly one resource."""

    metadata: Metadata
    resources: Annotated[list[KeyCreation], Meta(min_length=1, max_length=1)]


AdditionalData = Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=126)]


class WrapRequest(Received, frozen=True, kw_only=True):
    """The body of a wrap; without ``plaintext`` the service draws a data encryption key."""

    plaintext: str = ""
    aad: AdditionalData = []


class UnwrapRequest(Received, frozen=True, kw_only=True):
    """The body of an unwrap."""

    ciphertext: str
    aad: AdditionalData = []


class PolicyAttributes(Received, frozen=True, kw_only=True):
    """What a network policy allows; other policies' attributes are kept out by their type."""

    allowed_network: str = ""


class PolicyData(Received, frozen=True, kw_only=True):
    """A policy's switch and its attributes."""

    enabled: bool
    attributes: PolicyAttributes = PolicyAttributes()


class PolicyResource(Received, frozen=True, kw_only=True):
    """One policy of an instance."""

    policy_type: str
    policy_data: PolicyData


class Policies(Received, frozen=True, kw_only=True):
    """The body of a policy call."""

    metadata: Metadata
    resources: Annotated[list[PolicyResource], Meta(min_length=1)]


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key's version."""

    id: str
    creationDate: str = ""  # noqa: N815


class Wrapped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of wrap and unwrap."""

    plaintext: str | UnsetType = UNSET
    ciphertext: str | UnsetType = UNSET
    keyVersion: Version  # noqa: N815


class AlgorithmMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """A key's length, as text, and the mode that the product names for every AES key."""

    bitLength: str  # noqa: N815
    mode: str


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key as answers show it; ``payload`` is for standard keys only, and never in a list."""

    id: str
    type: str
    name: str
    aliases: list[str] = []
    description: str = ""
    tags: list[str] = []
    state: int
    expirationDate: str = ""  # noqa: N815
    extractable: bool
    crn: str
    imported: bool
    creationDate: str  # noqa: N815
    createdBy: str  # noqa: N815
    lastUpdateDate: str  # noqa: N815
    keyVersion: Version  # noqa: N815
    keyRingID: str  # noqa: N815
    algorithmType: str  # noqa: N815
    algorithmMetadata: AlgorithmMetadata  # noqa: N815
    algorithmBitSize: int  # noqa: N815
    algorithmMode: str  # noqa: N815
    dualAuthDelete: dict[str, bool]  # noqa: N815
    deleted: bool
    deletionDate: str = ""  # noqa: N815
    deletedBy: str = ""  # noqa: N815
    payload: str = ""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why, in a word and a sentence."""

    code: str
    message: str
    status: int
    moreInfo: str = MORE_INFO  # noqa: N815


class ErrorResource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one resource of an error document; a refusal carries no reasons."""

    errorMsg: str  # noqa: N815
    reasons: list[Reason] = []


_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON."""
    return _encode(value)


def collection(kind: str, resources: Iterable[bytes]) -> bytes:
    """Return a collection of documents that are JSON already; an empty one has no ``resources`` member."""
    items = list(resources)
    head = b'{"metadata":{"collectionType":"%b","collectionTotal":%d}' % (kind.encode(), len(items))
    return head + (b',"resources":[%b]}' % b",".join(items) if items else b"}")


class Malformed(ServiceError):
    """A request that says something wrong; ``detail`` is added to the reason's text."""

    def __init__(self, doing: str, code: str, *, status: int = 400, detail: str = "", rule: str = MALFORMED) -> None:
        """Say that ``doing`` (such as "Key could not be created") failed because of ``code``."""
        text = f"{_HEADS[status]}: {doing}. Please see `reasons` for more details."
        super().__init__(status, text, code=code, rule=rule)
        self.detail = detail


def error(problem: ServiceError) -> bytes:
    """Return the product's document for ``problem``; one without a code carries no reasons."""
    reasons = []
    if problem.code:
        detail = problem.detail if isinstance(problem, Malformed) else ""
        text = ": ".join(filter(None, (REASONS.get(problem.code, ""), detail)))
        reasons = [Reason(code=problem.code, message=text, status=problem.status)]
    return collection(ERROR, [encode(ErrorResource(errorMsg=problem.message, reasons=reasons))])


def received(decoder: msgspec.json.Decoder[T], body: bytes, doing: str) -> T:
    """Return the request in ``body``, or raise the product's refusal of it."""
    if not body:
        raise Malformed(doing, "NO_BODY_ERR")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Malformed(doing, "BAD_BODY_ERR", detail=str(problem)) from problem
