"""Tokens by account, each with the moment at which it ends: a call with an ended one would measure the token.

It fetches nothing; whoever asks for a token that is not held any more fetches it and has the answer kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, Protocol

import msgspec

from lab.errors import ProbeFailed

_SPARE_S: Final = 60.0  # a call and its control pairs are asked with one token


class Answered(Protocol):
    """What is read of IAM's answer; ``name`` is who answered."""

    @property
    def name(self) -> str:
        """Who answered."""

    @property
    def body(self) -> bytes:
        """What it said."""


class _Issued(msgspec.Struct, frozen=True):
    """The part of IAM's answer that is kept; ``expiration`` in seconds since the epoch."""

    access_token: str
    expiration: float


class Tokens:
    """What has been issued in one rehearsal, by account."""

    def __init__(self, known: Mapping[str, str] | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Hold ``known``, which never ends; ``clock`` gives seconds since the epoch."""
        self._clock = clock
        self._issued = {account: _Issued(token, inf) for account, token in (known or {}).items()}

    def held(self, account: str) -> str | None:
        """Return the account's token, or None when there is none that lives for a minute more."""
        issued = self._issued.get(account)
        return issued.access_token if issued is not None and issued.expiration - self._clock() >= _SPARE_S else None

    def keep(self, account: str, answered: Answered) -> str:
        """Hold the token that IAM has issued from now on, and return it.

        Raises:
            ProbeFailed: The answer has no token, or does not say when it ends.
        """
        try:
            issued = self._issued[account] = msgspec.json.decode(answered.body, type=_Issued)
        except msgspec.MsgspecError as error:
            raise ProbeFailed(f"{answered.name} issued no token that can be read: {error}") from error
        return issued.access_token
