"""Tokens: who gets one, what it says, and who believes it."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lab.errors import ServiceError
from lab.services import tokens
from lab.services.iam.operations import Issuer, credentials, refusal
from lab.services.iam.rules import API_KEY_GRANT
from lab.services.iam.state import Account, Store

KEY = ec.derive_private_key(2, ec.SECP256R1())
NOW = 1_700_000_000.0


@pytest.fixture
def issuer() -> Issuer:
    """An issuer that knows one account with one API key."""
    store = Store()
    store.put(Account(name="acme", id="a" * 32, api_keys={"good": "IBMid-1"}, roles={"IBMid-2": frozenset({"Reader"})}))
    return Issuer(store, key=KEY, draw=bytes)


def fields(**changed: str) -> dict[str, str]:
    """Return the fields of a good request, with changes."""
    return {"grant_type": API_KEY_GRANT, "apikey": "good", "response_type": "cloud_iam", **changed}


def claims(token: str) -> dict[str, Any]:
    """Return a token's claims as clients read them: unpadded base64, no verification."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_token_says_what_clients_look_for(issuer: Issuer) -> None:
    """The claims of the official clients, and times that agree with the answer's own."""
    identity, answer = issuer.grant(fields(), now=NOW)
    said = claims(answer.access_token)
    assert identity.subject == said["iam_id"] == said["id"] == "IBMid-1"
    assert said["account"] == {"valid": True, "bss": "a" * 32}
    assert said["iss"].startswith("https://iam.cloud.ibm.com")
    assert said["exp"] - said["iat"] == answer.expires_in == 3600
    assert (answer.expiration, answer.token_type, answer.refresh_token) == (said["exp"], "Bearer", "not_supported")


@pytest.mark.parametrize(
    "changed,code,rule",
    [
        pytest.param({"apikey": "bad"}, "BXNIM0415E", "iam.unknown-api-key", id="unknown-key"),
        pytest.param({"apikey": ""}, "BXNIM0109E", "request.malformed", id="no-key"),
        pytest.param({"grant_type": ""}, "BXNIM0109E", "request.malformed", id="no-grant"),
        pytest.param({"grant_type": "password"}, "BXNIM0106E", "request.malformed", id="other-grant"),
    ],
)
def test_refusals(issuer: Issuer, changed: dict[str, str], code: str, rule: str) -> None:
    """Bad credentials are 400, as the product has it, with its code."""
    with pytest.raises(ServiceError) as caught:
        issuer.grant(fields(**changed), now=NOW)
    assert (caught.value.status, caught.value.code, caught.value.rule) == (400, code, rule)


def test_refusal_document() -> None:
    """The document that client libraries parse."""
    problem = ServiceError(400, "Provided API key could not be found", code="BXNIM0415E")
    document = json.loads(refusal(problem, request_id="r", path="/identity/token", now=NOW))
    assert document["errorCode"] == "BXNIM0415E"
    assert document["errorMessage"] == "Provided API key could not be found"
    assert document["context"]["requestId"] == "r"


@pytest.mark.parametrize("body,query", [(b"apikey=a%2Bb&grant_type=x", b""), (b"", b"grant_type=x&apikey=a%2Bb")])
def test_credentials_come_as_form_or_in_the_query(body: bytes, query: bytes) -> None:
    """Known clients do either."""
    assert credentials(body, query) == {"apikey": "a+b", "grant_type": "x"}


def test_replacing_an_account_forgets_its_old_keys(issuer: Issuer) -> None:
    """A revoked API key opens nothing."""
    issuer.store.put(Account(name="acme", id="a" * 32, api_keys={"new": "IBMid-1"}))
    assert issuer.store.identity("good") is None
    assert issuer.store.identity("new") is not None


def test_roles(issuer: Issuer) -> None:
    """Who is not named is a manager (None); an unknown account gives nothing."""
    assert issuer.store.roles("a" * 32, "IBMid-1") is None
    assert issuer.store.roles("a" * 32, "IBMid-2") == frozenset({"Reader"})
    assert issuer.store.roles("b", "IBMid-1") == frozenset()


def test_verifier_believes_genuine_living_tokens_only(issuer: Issuer) -> None:
    """Another key's signature, a changed claim, no signature and a past expiry are all refused."""
    token = issuer.grant(fields(), now=NOW)[1].access_token
    verifier = tokens.Verifier(KEY.public_key())
    bearer = verifier.bearer(token, now=NOW)
    assert bearer == tokens.Bearer(account="a" * 32, subject="IBMid-1", expires=int(NOW) + 3600)
    assert verifier.bearer(token, now=NOW + 3599) == bearer
    assert verifier.bearer(token, now=NOW + 3600) is None
    head, body, signature = token.split(".")
    forged = jwt.encode(claims(token), ec.derive_private_key(3, ec.SECP256R1()), algorithm="ES256")
    unsigned = jwt.encode(claims(token), "", algorithm="none")
    elsewhere = tokens.mint({**claims(token), "iss": "https://elsewhere"}, key=KEY, key_id="k")
    nameless = tokens.mint({"iss": tokens.ISSUER, "exp": NOW + 9}, key=KEY, key_id="k")
    other = f"{head}.{body[:-2]}AA.{signature}"
    for bad in (forged, unsigned, elsewhere, nameless, other, "", "x", token[:-4]):
        assert verifier.bearer(bad, now=NOW) is None


def test_verifier_s_memory_is_bounded(issuer: Issuer) -> None:
    """Many tokens are all believed, however few are remembered."""
    verifier = tokens.Verifier(KEY.public_key(), most=2)
    for n in range(5):
        assert verifier.bearer(issuer.grant(fields(), now=NOW + n)[1].access_token, now=NOW + n) is not None


def test_published_key_verifies(issuer: Issuer) -> None:
    """Whoever asks for the keys can check a token with them."""
    token = issuer.grant(fields(), now=NOW)[1].access_token
    key = jwt.PyJWK(issuer.keys()["keys"][0])
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    assert jwt.decode(token, key, algorithms=["ES256"], options={"verify_exp": False})["iam_id"] == "IBMid-1"
