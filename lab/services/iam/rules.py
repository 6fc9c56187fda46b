"""IAM's decisions: which requests get a token. Values in, a value or a ServiceError out."""

from __future__ import annotations

from collections.abc import Mapping

from lab.errors import ServiceError
from lab.services.iam.state import Identity, Store

API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
SERVED = "door.served"


def identify(store: Store, fields: Mapping[str, str]) -> Identity:
    """Return whom the credentials in ``fields`` stand for, or raise the product's refusal.

    Assumed: the texts and codes for a missing property and for a grant that the lab does not offer;
    that of an unknown API key is documented.
    """
    grant = fields.get("grant_type", "")
    if not grant:
        raise _malformed("BXNIM0109E", "Property missing or empty: grant_type")
    if grant != API_KEY_GRANT:
        raise _malformed("BXNIM0106E", f"Property 'grant_type' has an unsupported value: {grant[:80]}")
    api_key = fields.get("apikey", "")
    if not api_key:
        raise _malformed("BXNIM0109E", "Property missing or empty: apikey")
    identity = store.identity(api_key)
    if identity is None:
        raise ServiceError(400, "Provided API key could not be found", code="BXNIM0415E", rule="iam.unknown-api-key")
    return identity


def _malformed(code: str, text: str) -> ServiceError:
    return ServiceError(400, text, code=code, rule="request.malformed")
