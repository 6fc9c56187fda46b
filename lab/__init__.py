"""pelab, the Private Endpoint Lab: rehearse a cloud account's private network before touching the real one.

``import lab`` gives the vocabulary of topologies and scenarios and imports no network library; the
live lab (``Lab``) and Mininet load on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.describe.builder import Builder
from lab.describe.scenario import Scenario, Step
from lab.describe.topology import Topology, topology
from lab.model.action import (
    DeleteInstance,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    Netlink,
    Provision,
    SetPolicy,
)
from lab.model.call import Call, Operation
from lab.model.outcome import Outcome
from lab.model.plane import Plane, Policy, Surface

if TYPE_CHECKING:
    from mininet.topo import Topo

    from lab.live.client import LiveLab as Lab

__all__ = [
    "Builder",
    "Call",
    "DeleteInstance",
    "EnableServiceEndpoints",
    "EnableVrf",
    "Initialise",
    "Lab",
    "Netlink",
    "Operation",
    "Outcome",
    "Plane",
    "Policy",
    "Provision",
    "Scenario",
    "SetPolicy",
    "Step",
    "Surface",
    "Topology",
    "for_mn",
    "topology",
]


def for_mn(described: type[Topology]) -> Callable[..., Topo]:
    """Return what stock ``mn --custom FILE --topo NAME,param=value`` calls: parameters in, a Mininet topology out.

    Mininet is imported when it is called, so that importing a topology's file stays pure.
    """

    def compiled(**parameters: object) -> Topo:
        from lab.describe.placing import plan
        from lab.net.topo import compile_plan

        return compile_plan(plan(described.of(**parameters).world()))

    return compiled


def __getattr__(name: str) -> Any:
    """Load the live lab when it is first used: it needs a process tree and a message codec."""
    if name == "Lab":
        from lab.live.client import LiveLab as Lab

        return Lab
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
