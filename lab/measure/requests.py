"""The requests of the product's APIs, as documented: token, keys, actions, policy. Nothing is sent from here."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from lab.errors import ProbeFailed
from lab.model.call import Operation
from lab.model.plane import Policy

_ROOT: Final = "/api/v2"
_KEY: Final = "application/vnd.ibm.kms.key+json"
_POLICY: Final = "application/vnd.ibm.kms.policy+json"
_OK: Final = 200
_MOST_KEYS: Final = 5000  # the API's own limit of a page; by default it gives 200
_AAD: Final = ("lab",)
_OTHER_AAD: Final = ("another",)
UNKNOWN_KEY: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is asked once a connection stands. ``listing``: the list in the answer's document that must not be empty."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    listing: str = ""


class Answered(Protocol):
    """An answer, however it came: who was asked by which name, the HTTP status and the body."""

    @property
    def name(self) -> str:
        """The host name that was asked."""

    @property
    def status(self) -> int | None:
        """The HTTP status, None if there was no answer."""

    @property
    def body(self) -> bytes:
        """The answer's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a key-management request carries: the bearer token and the instance's id."""

    token: str
    guid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key that a step created: its id, what it last wrapped (base64), what came of it, whether it was deleted."""

    id: str
    plaintext: str = ""
    ciphertext: str = ""
    deleted: bool = False


def shown(request: HttpRequest, status: int, body: bytes) -> str:
    """Return an answer as the signatures' table has it: the status, and whether nothing at all is listed.

    ProbeFailed for an answer that is no such listing: only an empty list says that something is missing from it.
    """
    if not request.listing or status != _OK:
        return str(status)
    try:
        told = msgspec.json.decode(body, type=dict[str, list[Any]])
        return str(status) if told[request.listing] or any(told.values()) else f"{status} empty"
    except (msgspec.MsgspecError, KeyError) as error:
        raise ProbeFailed(
            f"{request.path}: answered {status} without a list {request.listing}: {body[:80]!r}"
        ) from error


def token(api_key: str) -> HttpRequest:
    """Return the request for an IAM token by API key, as the SDKs send it."""
    form = {
        "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
        "apikey": api_key,
        "response_type": "cloud_iam",
    }
    return HttpRequest(
        method="POST",
        path="/identity/token",
        headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
        body=urlencode(form).encode(),
    )


def key_management(
    operation: Operation,
    credentials: Credentials,
    *,
    name: str = "",
    held: HeldKey | None = None,
    policy: Policy | None = None,
    secret: str = "",
    other_data: bool = False,
) -> HttpRequest:
    """Return the request for ``operation``; a key that nobody created is asked for by an id that nobody has.

    Args:
        name: What a key is called that is created.
        secret: What is wrapped (base64), see ``fresh_secret``.
        other_data: An unwrap says other additional data than the wrap did, so it must be refused.
    """
    key = f"{_ROOT}/keys/{held.id if held else UNKNOWN_KEY}"
    policies = f"{_ROOT}/instance/policies?policy=allowedNetwork"
    match operation:
        case Operation.LIST:
            return _request("GET", f"{_ROOT}/keys?limit={_MOST_KEYS}", credentials, _KEY)
        case Operation.CREATE:
            return _request("POST", f"{_ROOT}/keys", credentials, _KEY, _creation(name))
        case Operation.GET:
            return _request("GET", key, credentials, _KEY)
        case Operation.DELETE:
            return _request("DELETE", key, credentials, _KEY)
        case Operation.WRAP:
            media = "application/vnd.ibm.kms.key_action_wrap+json"
            return _request("POST", f"{key}/actions/wrap", credentials, media, {"plaintext": secret, "aad": _AAD})
        case Operation.UNWRAP:
            media = "application/vnd.ibm.kms.key_action_unwrap+json"
            body = {"ciphertext": held.ciphertext if held else "", "aad": _OTHER_AAD if other_data else _AAD}
            return _request("POST", f"{key}/actions/unwrap", credentials, media, body)
        case Operation.GET_POLICY:
            return _request("GET", policies, credentials, _POLICY)
        case Operation.SET_POLICY:
            return _request("PUT", policies, credentials, _POLICY, _setting(policy or Policy.PUBLIC_AND_PRIVATE))
        case _:
            raise ProbeFailed(f"{operation.value} is no key-management operation")


def token_in(observed: Answered) -> str:
    """Return the access token of IAM's answer."""
    return str(_field(observed, "access_token"))


def created_in(observed: Answered) -> HeldKey:
    """Return the key that an answer says was created."""
    resources = _field(observed, "resources")
    try:
        return HeldKey(id=str(resources[0]["id"]))
    except (LookupError, TypeError) as error:
        raise ProbeFailed(f"{observed.name} answered {observed.status} without a key") from error


def fresh_secret() -> str:
    """Return 32 random bytes to wrap (base64): a service that gives back what it always gives is found out."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def ciphertext_in(observed: Answered, secret: str) -> str:
    """Return what a wrap of ``secret`` gave, having looked that it does not show it."""
    sealed = str(_field(observed, "ciphertext"))
    shown = sealed.encode() + base64.b64decode(sealed + "==")
    if any(clear in shown for clear in (secret.encode(), base64.b64decode(secret))):
        raise ProbeFailed("wrap gave back what was to be wrapped, in the clear")
    return sealed


def check_unwrapped(observed: Answered, held: HeldKey) -> None:
    """Make sure that an unwrap gave back what was wrapped; a service that only pretends is no service."""
    if (found := _field(observed, "plaintext")) != held.plaintext:
        raise ProbeFailed(f"unwrap gave {found!r}, not what was wrapped")


def listed_in(observed: Answered) -> list[str]:
    """Return the ids of the keys in a listing."""
    return [str(resource.get("id")) for resource in document(observed).get("resources", [])]


def mark_in(request: HttpRequest) -> str:
    """Return the mark of a key's creation, which no other creation bears."""
    return str(msgspec.json.decode(request.body)["resources"][0]["description"])


def marks_in(observed: Answered) -> set[str]:
    """Return the marks of the keys in a listing."""
    return {str(resource.get("description")) for resource in document(observed).get("resources", [])}


def check_listing(observed: Answered, there: Iterable[HeldKey], elsewhere: Iterable[HeldKey] = ()) -> None:
    """Make sure that a listing is one, and of this instance; a status alone must not count.

    Args:
        there: Keys that are known to be in the instance.
        elsewhere: Keys that are known to be deleted, or another instance's.
    """
    told, listed = document(observed), listed_in(observed)
    if told.get("metadata", {}).get("collectionTotal") != len(listed):
        raise ProbeFailed(f"{observed.name} answered a listing whose number of keys is not the number it says")
    whole = len(listed) < _MOST_KEYS
    if whole and (missing := [key.id for key in there if key.id not in listed]):
        raise ProbeFailed(f"{observed.name} answered a listing without the key {missing[0]}, which is there")
    if foreign := [key.id for key in elsewhere if key.id in listed]:
        raise ProbeFailed(f"{observed.name} answered a listing with the key {foreign[0]}, which is not there")


def check_key(observed: Answered, held: HeldKey) -> None:
    """Make sure that the answer to reading a key is about that key."""
    if (found := created_in(observed).id) != held.id:
        raise ProbeFailed(f"{observed.name} answered with the key {found}, asked for {held.id}")


def claims_in(token: str) -> dict[str, Any]:
    """Return what an access token says of itself, unverified; ProbeFailed if it is none."""
    try:
        part = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except (IndexError, ValueError, msgspec.MsgspecError) as error:
        raise ProbeFailed(f"an access token that is none: {error}") from error


def policy_in(observed: Answered) -> Policy | None:
    """Return the setting that an answer carries; None if the policy was never set, or is switched off."""
    try:
        for resource in document(observed).get("resources", []):
            if resource["policy_type"] == "allowedNetwork" and resource["policy_data"]["enabled"]:
                return Policy(resource["policy_data"]["attributes"]["allowed_network"])
    except (LookupError, TypeError, ValueError) as error:
        raise ProbeFailed(f"{observed.name} answered with policies that are none: {observed.body[:200]!r}") from error
    return None


def document(observed: Answered) -> dict[str, Any]:
    """Return the JSON document of an answer; ProbeFailed if there is none."""
    try:
        return msgspec.json.decode(observed.body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ProbeFailed(f"{observed.name} answered {observed.status} without a JSON document: {error}") from error


def message_in(observed: Answered) -> str:
    """Return the product's text of an error document, with its reason codes; empty if there is none."""
    try:
        resource = document(observed)["resources"][0]
    except (ProbeFailed, LookupError, TypeError):
        return ""
    codes = " ".join(reason.get("code", "") for reason in resource.get("reasons", []))
    return f"{resource.get('errorMsg', '')} {codes}".strip()


def _field(observed: Answered, name: str) -> Any:
    try:
        return document(observed)[name]
    except KeyError:
        raise ProbeFailed(f"{observed.name} answered {observed.status} without {name!r}") from None


def _request(method: str, path: str, credentials: Credentials, media: str, body: object = None) -> HttpRequest:
    headers = {
        "authorization": f"Bearer {credentials.token}",
        "bluemix-instance": credentials.guid,
        "accept": media,
    }
    if body is not None:
        headers["content-type"] = media
    return HttpRequest(
        method=method, path=path, headers=headers, body=b"" if body is None else msgspec.json.encode(body)
    )


def _creation(name: str) -> object:
    mark = f"pelab {secrets.token_hex(16)}"  # names may be equal
    resource = {"type": _KEY, "name": name, "description": mark, "extractable": False}
    return {"metadata": {"collectionType": _KEY, "collectionTotal": 1}, "resources": [resource]}


def _setting(policy: Policy) -> object:
    data = {"enabled": True, "attributes": {"allowed_network": policy.value}}
    resource = {"policy_type": "allowedNetwork", "policy_data": data}
    return {"metadata": {"collectionType": _POLICY, "collectionTotal": 1}, "resources": [resource]}
