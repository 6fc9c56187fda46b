"""Translation: how the edge keeps accounts with VRF apart where their addresses are equal.

What an account sends bears its number, and so does what comes back for it: by that it finds the account's table, and
its connection is tracked where no other account's is. The services see an address of the account's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from lab.describe.plan import FIRST_ACCOUNT_TABLE, Filter
from lab.model.addresses import translated
from lab.model.world import Account


def account_table(account: Account) -> int:
    """Return the number of the account's own routing table, which is its packets' mark and their connections' zone."""
    return FIRST_ACCOUNT_TABLE + account.number


def marks(account: Account, ports: frozenset[str], services: frozenset[str]) -> Iterator[Filter]:
    """Yield what gives packets the account's number: those that come in by its ``ports``, and the services' answers.

    What the edge itself says about a packet bears the packet's mark.
    """
    number, back = account_table(account), (IPv4Network(translated(account.number)),)
    yield Filter(hook="prerouting", verdict="mark", incoming=ports, mark=number)
    yield Filter(hook="prerouting", verdict="mark", incoming=services, destination=back, mark=number)


def translation(account: Account, services: frozenset[str]) -> Filter:
    """Return what gives the account's connections to the services its own address."""
    number, address = account_table(account), translated(account.number)
    return Filter(hook="postrouting", verdict="translate", outgoing=services, mark=number, address=address)
