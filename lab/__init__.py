"""pelab, the Private Endpoint Lab: rehearse a cloud account's private network before touching the real one.

``import lab`` gives the vocabulary of topologies, scenarios and tests and imports no network library; what looks
for files, plays scenarios or brings labs up (``Lab``) loads on first use.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.describe.builder import Builder
from lab.describe.scenario import Scenario, Step
from lab.describe.topology import Count, Topology, topology
from lab.errors import (
    BringUpFailed,
    Divergence,
    EnvironmentProblem,
    LiveError,
    ModelError,
    PelabError,
    ProbeFailed,
    Problem,
    TearDownFailed,
    Vacuous,
)
from lab.model.action import (
    BringZoneBack,
    DeleteInstance,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    Provision,
    Reboot,
    RestoreInstance,
    SaveRoutes,
    SetPolicy,
    TakeZoneDown,
)
from lab.model.call import Call, Operation
from lab.model.outcome import Evidence, Expectation, Measurement, Outcome
from lab.model.plane import Plane, Policy, Surface
from lab.model.routes import Netlink
from lab.model.world import World

if TYPE_CHECKING:
    from mininet.topo import Topo

    from lab.catalogue import load_scenario, load_topology
    from lab.live.client import LiveLab as Lab
    from lab.play.runner import Mode, Report
    from lab.rehearsal import rehearse
    from lab.testing.fixture import LabFixture

__all__ = [
    "BringUpFailed",
    "BringZoneBack",
    "Builder",
    "Call",
    "Count",
    "DeleteInstance",
    "Divergence",
    "EnableServiceEndpoints",
    "EnableVrf",
    "EnvironmentProblem",
    "Evidence",
    "Expectation",
    "Initialise",
    "Lab",
    "LabFixture",
    "LiveError",
    "Measurement",
    "Mode",
    "ModelError",
    "Netlink",
    "Operation",
    "Outcome",
    "PelabError",
    "Plane",
    "Policy",
    "ProbeFailed",
    "Problem",
    "Provision",
    "Reboot",
    "Report",
    "RestoreInstance",
    "SaveRoutes",
    "Scenario",
    "SetPolicy",
    "Step",
    "Surface",
    "TakeZoneDown",
    "TearDownFailed",
    "Topology",
    "Vacuous",
    "World",
    "for_mn",
    "load_scenario",
    "load_topology",
    "rehearse",
    "topology",
]

_LATE = {
    "Lab": ("lab.live.client", "LiveLab"),
    "LabFixture": ("lab.testing.fixture", "LabFixture"),
    "Mode": ("lab.play.runner", "Mode"),
    "Report": ("lab.play.runner", "Report"),
    "load_scenario": ("lab.catalogue", "load_scenario"),
    "load_topology": ("lab.catalogue", "load_topology"),
    "rehearse": ("lab.rehearsal", "rehearse"),
}
"""What loads when it is first used: the module it comes from, and its name there."""


def for_mn(described: type[Topology]) -> Callable[..., Topo]:
    """Return what stock ``mn --custom FILE --topo NAME,param=value`` calls: parameters in, a Mininet topology out.

    Mininet is imported when it is called, so that importing a topology's file stays pure.
    """

    def compiled(**parameters: object) -> Topo:
        from lab.catalogue import world_of
        from lab.describe.placing import plan
        from lab.net.topo import compile_plan

        return compile_plan(plan(world_of(described.of(**parameters))))

    return compiled


def __getattr__(name: str) -> Any:
    """Load what is late: it reads files, or needs a process tree and a message codec."""
    if name in _LATE:
        module, theirs = _LATE[name]
        return getattr(importlib.import_module(module), theirs)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
