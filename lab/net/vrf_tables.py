"""An account's routing table by policy routing: ``ip rule iif …``, for kernels without the VRF device.

The other implementation of the same plan is the VRF device; which one runs is said in the run's JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lab.describe.plan import RoutingTable

BACKEND: Final = "policy-tables"
_FIRST_PRIORITY: Final = 1000


def rules(table: RoutingTable) -> Iterator[tuple[int, int, str]]:
    """Yield priority, table and incoming interface of each rule; priorities follow the table's number."""
    for interface in table.interfaces:
        yield _FIRST_PRIORITY + table.number, table.number, interface
