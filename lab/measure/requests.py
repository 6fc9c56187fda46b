"""The requests of the product's APIs, as documented: token, keys, actions, policy. Nothing is sent from here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
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
_PLAINTEXT: Final = base64.b64encode(b"a data key of thirty-two bytes..").decode()
UNKNOWN_KEY: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is asked once a connection stands."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


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
    """A key that a step created: its id, and what it last wrapped."""

    id: str
    ciphertext: str = ""


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
) -> HttpRequest:
    """Return the request for ``operation``; a key that nobody created is asked for by an id that nobody has."""
    key = f"{_ROOT}/keys/{held.id if held else UNKNOWN_KEY}"
    policies = f"{_ROOT}/instance/policies?policy=allowedNetwork"
    match operation:
        case Operation.LIST:
            return _request("GET", f"{_ROOT}/keys", credentials, _KEY)
        case Operation.CREATE:
            return _request("POST", f"{_ROOT}/keys", credentials, _KEY, _creation(name))
        case Operation.GET:
            return _request("GET", key, credentials, _KEY)
        case Operation.DELETE:
            return _request("DELETE", key, credentials, _KEY)
        case Operation.WRAP:
            media = "application/vnd.ibm.kms.key_action_wrap+json"
            return _request(
                "POST", f"{key}/actions/wrap", credentials, media, {"plaintext": _PLAINTEXT, "aad": ["lab"]}
            )
        case Operation.UNWRAP:
            media = "application/vnd.ibm.kms.key_action_unwrap+json"
            body = {"ciphertext": held.ciphertext if held else "", "aad": ["lab"]}
            return _request("POST", f"{key}/actions/unwrap", credentials, media, body)
        case Operation.GET_POLICY:
            return _request("GET", policies, credentials, _POLICY)
        case Operation.SET_POLICY:
            return _request("PUT", policies, credentials, _POLICY, _setting(policy or Policy.PUBLIC_AND_PRIVATE))
        case Operation.TOKEN:
            raise ProbeFailed(f"{operation.value} is no key-management operation")


def token_in(observed: Answered) -> str:
    """Return the access token of IAM's answer."""
    return str(_field(observed, "access_token"))


def created_in(observed: Answered) -> HeldKey:
    """Return the key that an answer says was created."""
    resources = _field(observed, "resources")
    return HeldKey(id=str(resources[0]["id"]))


def ciphertext_in(observed: Answered) -> str:
    """Return what a wrap gave, having looked that it does not show what was wrapped."""
    sealed = str(_field(observed, "ciphertext"))
    shown = sealed.encode() + base64.b64decode(sealed + "==")
    if any(secret in shown for secret in (_PLAINTEXT.encode(), base64.b64decode(_PLAINTEXT))):
        raise ProbeFailed("wrap gave back what was to be wrapped, in the clear")
    return sealed


def check_unwrapped(observed: Answered) -> None:
    """Make sure that an unwrap gave back what was wrapped; a service that only pretends is no service."""
    if (found := _field(observed, "plaintext")) != _PLAINTEXT:
        raise ProbeFailed(f"unwrap gave {found!r}, not what was wrapped")


def check_listing(observed: Answered) -> None:
    """Make sure that a listing is one: everything asks for it, so its status alone must not count."""
    told = document(observed)
    if told.get("metadata", {}).get("collectionTotal") != len(told.get("resources", [])):
        raise ProbeFailed(f"{observed.name} answered a listing whose number of keys is not the number it says")


def policy_in(observed: Answered) -> Policy | None:
    """Return the setting that an answer carries; None if the policy was never set."""
    for resource in document(observed).get("resources", []):
        if resource.get("policy_type") == "allowedNetwork":
            return Policy(resource["policy_data"]["attributes"]["allowed_network"])
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
    resource = {"type": _KEY, "name": name, "extractable": False}
    return {"metadata": {"collectionType": _KEY, "collectionTotal": 1}, "resources": [resource]}


def _setting(policy: Policy) -> object:
    data = {"enabled": True, "attributes": {"allowed_network": policy.value}}
    resource = {"policy_type": "allowedNetwork", "policy_data": data}
    return {"metadata": {"collectionType": _POLICY, "collectionTotal": 1}, "resources": [resource]}
