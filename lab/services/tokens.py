"""Access tokens: minted by IAM, verified by every other service. Holds no key and no clock of its own.

It decides whether a token is genuine and alive, not what its bearer may do.

Assumed: the product signs with RS256. The lab signs with ES256, because an RSA key takes a hundred
milliseconds to make and a lab comes up in twenty; no known client looks at the signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

ALGORITHM = "ES256"
ISSUER = "https://iam.cloud.ibm.com/identity"
LIFETIME_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whom a token stands for: account id and IAM subject, and until when (seconds since the epoch)."""

    account: str
    subject: str
    expires: int


def mint(claims: Mapping[str, Any], *, key: EllipticCurvePrivateKey, key_id: str) -> str:
    """Return the signed token that carries ``claims``."""
    return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers={"kid": key_id})


def read(token: str, *, key: EllipticCurvePublicKey) -> Bearer | None:
    """Return the bearer that a genuine token names, or None; whether it has expired is asked apart."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            # The lab's clock decides, not the one that the library would read.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["exp", "iss"]},
        )
        return Bearer(account=claims["account"]["bss"], subject=claims["iam_id"], expires=int(claims["exp"]))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return None


def published(key: EllipticCurvePublicKey, *, key_id: str) -> dict[str, str]:
    """Return the public key as a JSON web key."""
    fields: dict[str, str] = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
    return {"kty": fields["kty"], "crv": fields["crv"], "x": fields["x"], "y": fields["y"]} | {
        "alg": ALGORITHM,
        "use": "sig",
        "kid": key_id,
    }


class Verifier:
    """Verifies tokens and remembers the genuine ones: one signature check for each token, not each request.

    Expiry is looked at every time. The memory is bounded; a forgotten token is verified again.
    """

    __slots__ = ("_key", "_known", "_most")

    def __init__(self, key: EllipticCurvePublicKey, *, most: int = 1024) -> None:
        """Verify with ``key``; remember ``most`` tokens."""
        self._key, self._most = key, most
        self._known: dict[str, Bearer] = {}

    def bearer(self, token: str, *, now: float) -> Bearer | None:
        """Return whom ``token`` stands for at the time ``now``, None if it is not genuine or not alive."""
        bearer = self._known.get(token)
        if bearer is None:
            bearer = read(token, key=self._key)
            if bearer is None:
                return None
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[token] = bearer
        return bearer if now < bearer.expires else None
