"""What IAM knows: accounts, their API keys and the roles of their subjects. Memory only, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account with its API keys (key to subject) and the roles of its subjects.

    A subject that ``roles`` does not name is a manager: whoever opened the account.
    """

    name: str
    id: str
    api_keys: Mapping[str, str]
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom an API key stands for."""

    account: Account
    subject: str


class Store:
    """The accounts of the cloud, findable by API key."""

    __slots__ = ("_accounts", "_keys")

    def __init__(self) -> None:
        """Start without accounts."""
        self._accounts: dict[str, Account] = {}
        self._keys: dict[str, Identity] = {}

    def put(self, account: Account) -> None:
        """Add ``account``, or replace the one with its id, API keys included."""
        self._accounts[account.id] = account
        self._keys = {key: identity for key, identity in self._keys.items() if identity.account.id != account.id}
        for key, subject in account.api_keys.items():
            self._keys[key] = Identity(account=account, subject=subject)

    def identity(self, api_key: str) -> Identity | None:
        """Return whom ``api_key`` stands for, or None."""
        return self._keys.get(api_key)

    def roles(self, account: str, subject: str) -> frozenset[str] | None:
        """Return the roles given to ``subject``; None where nothing is said, which means manager."""
        known = self._accounts.get(account)
        return known.roles.get(subject) if known else frozenset()
