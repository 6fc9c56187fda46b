"""IAM's operations: a token for an API key, and the keys by which tokens are verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from lab.errors import ServiceError
from lab.services import tokens
from lab.services.iam import rules
from lab.services.iam.state import Identity, Store


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a granted token."""

    access_token: str
    refresh_token: str = "not_supported"
    token_type: str = "Bearer"
    expires_in: int = tokens.LIFETIME_S
    expiration: int
    scope: str = "ibm openid"


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal."""

    context: dict[str, str]
    errorCode: str  # noqa: N815
    errorMessage: str  # noqa: N815


_encode = msgspec.json.Encoder().encode


class Issuer:
    """Grants tokens, signed with one key that lives as long as the lab."""

    __slots__ = ("_draw", "_key", "_key_id", "store")

    def __init__(self, store: Store, *, key: EllipticCurvePrivateKey, draw: Callable[[int], bytes]) -> None:
        """Sign for the accounts of ``store`` with ``key``; ``draw`` gives random bytes."""
        self.store, self._key, self._draw = store, key, draw
        self._key_id = draw(8).hex()

    def grant(self, fields: Mapping[str, str], *, now: float) -> tuple[Identity, TokenAnswer]:
        """Return a fresh token for the credentials in ``fields`` and whom it stands for."""
        identity = rules.identify(self.store, fields)
        issued = int(now)
        claims = _claims(identity, issued, self._draw(16).hex())
        token = tokens.mint(claims, key=self._key, key_id=self._key_id)
        return identity, TokenAnswer(access_token=token, expiration=issued + tokens.LIFETIME_S)

    def keys(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON web key set that verifies this issuer's tokens."""
        return {"keys": [tokens.published(self._key.public_key(), key_id=self._key_id)]}


def credentials(body: bytes, query: bytes) -> dict[str, str]:
    """Return the fields of a token request; known clients send them as a form, or all in the query."""
    text = body.decode("latin-1") or query.decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True))


def encode(value: object) -> bytes:
    """Return ``value`` as JSON."""
    return _encode(value)


def refusal(problem: ServiceError, *, request_id: str, path: str, now: float) -> bytes:
    """Return the product's document for ``problem``."""
    started = datetime.fromtimestamp(now, UTC).strftime("%d.%m.%Y %H:%M:%S:000 UTC")
    context = {"requestId": request_id, "requestType": "incoming", "url": path, "startTime": started}
    return _encode(ErrorAnswer(context=context, errorCode=problem.code, errorMessage=problem.message))


def _claims(identity: Identity, issued: int, token_id: str) -> dict[str, Any]:
    subject, account = identity.subject, identity.account
    return {
        "iam_id": subject,
        "id": subject,
        "realmid": subject.partition("-")[0],
        "jti": token_id,
        "identifier": subject.partition("-")[2] or subject,
        "sub": subject,
        "account": {"valid": True, "bss": account.id},
        "iat": issued,
        "exp": issued + tokens.LIFETIME_S,
        "iss": tokens.ISSUER,
        "grant_type": rules.API_KEY_GRANT,
        "scope": "ibm openid",
        "client_id": "default",
    }
