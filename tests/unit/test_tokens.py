"""A token is used while it lives, and not a moment longer: a rehearsal may take more than its hour."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from lab.errors import ProbeFailed
from lab.measure.tokens import Tokens

ISSUED, HOUR_S = 1_700_000_000.0, 3600


@dataclass
class Watch:
    """A clock that a test sets."""

    now: float = ISSUED

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass(frozen=True)
class Answer:
    """An answer of IAM's."""

    body: bytes
    name: str = "private.iam.cloud.ibm.com"


def issued(token: str, at: float) -> Answer:
    """Return IAM's answer."""
    said = {"access_token": token, "expires_in": HOUR_S, "expiration": int(at) + HOUR_S, "token_type": "Bearer"}
    return Answer(json.dumps(said).encode())


@pytest.mark.parametrize("after,held", [(0, "first"), (HOUR_S - 61, "first"), (HOUR_S - 59, None), (HOUR_S + 1, None)])
def test_a_token_is_held_until_a_minute_before_its_end(after: float, held: str | None) -> None:
    """A call with its control pairs must find it alive from first to last."""
    watch = Watch()
    tokens = Tokens(clock=watch)
    assert tokens.held("acme") is None
    assert tokens.keep("acme", issued("first", watch.now)) == "first"
    watch.now += after
    assert tokens.held("acme") == held


def test_a_fetched_token_takes_the_place_of_the_ended_one() -> None:
    """Each account has its own."""
    watch = Watch()
    tokens = Tokens({"rival": "theirs"}, clock=watch)
    tokens.keep("acme", issued("first", watch.now))
    watch.now += HOUR_S
    tokens.keep("acme", issued("second", watch.now))
    assert (tokens.held("acme"), tokens.held("rival")) == ("second", "theirs")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"access_token": "a"}', b'{"access_token": 1, "expiration": 1}'])
def test_an_answer_without_token_or_end_is_an_error(body: bytes) -> None:
    """It is never used as if it lived for ever."""
    tokens = Tokens()
    with pytest.raises(ProbeFailed, match="private.iam.cloud.ibm.com issued no token"):
        tokens.keep("acme", Answer(body))
    assert tokens.held("acme") is None
