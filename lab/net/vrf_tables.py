"""An account's routing table by policy routing: ``ip rule iif …``, for kernels without the VRF device.

The other implementation of the same plan is the VRF device; which one runs is said in the run's JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lab.describe.plan import RoutingTable

BACKEND: Final = "policy-tables"
_FIRST_PRIORITY: Final = 1000


SYSCTLS: Final = {"net.ipv4.fwmark_reflect": 1}
"""ICMP errors bear the mark of the packet that they are about, and so find its sender's table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy rule: what came in by ``iif``, or bears ``fwmark``, is looked up in ``table``."""

    priority: int
    table: int
    iif: str | None = None
    fwmark: int | None = None


def rules(table: RoutingTable) -> Iterator[Rule]:
    """Yield the rules that lead to ``table``: by interface what comes in, by mark what comes back or it says itself."""
    priority = _FIRST_PRIORITY + table.number
    for interface in table.interfaces:
        yield Rule(priority=priority, table=table.number, iif=interface)
    if table.owner:
        yield Rule(priority=priority, table=table.number, fwmark=table.number)
