"""``LiveLab``: a world on a live network, as users and the runner see it.

Works in any process; the lab itself is a tree of other processes (``lab.live.lab``). Leaving the context
ends it, and the kernel frees everything.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from lab import catalogue
from lab.describe.checking import check_deed
from lab.describe.topology import Topology, TopologyRef
from lab.errors import LiveError, ModelError, Problem
from lab.live.host import Host
from lab.live.lab import Lab
from lab.live.lab import shared as nursery
from lab.live.world import Act, Ask, Measured, Sabotage, Standing, Up
from lab.model.action import Action, apply
from lab.model.call import Call
from lab.model.outcome import Measurement, Outcome
from lab.model.plane import Surface
from lab.model.world import World


class LiveLab:
    """A lab with a world. ``vrf_backend`` names how accounts are kept apart, once it is up.

    ``world`` is what this client described and changed: what calls did to it (policies, keys) only the lab knows.
    """

    mode = "live"

    def __init__(
        self,
        world: World | Topology | TopologyRef,
        *,
        capture: bool = True,
        shared: Sequence[str] = (),
        stop_after: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Take the world; nothing runs before the context is entered.

        Args:
            capture: Keep every frame of the hosts and of the way to the services, as evidence.
            shared: Folders that hosts see although they lie in /tmp, /run or /dev/shm, of which a lab has its own.
            stop_after, batch_size: For tests that break a lab at every operation of its bring-up.
        """
        described: object = catalogue.world_of(world) if isinstance(world, Topology | TopologyRef) else world
        if not isinstance(described, World):
            hint = 'such as topology("single_account")'
            raise ModelError(Problem(where="Lab", text=f"{world!r} is neither a world nor a topology", hint=hint))
        self.world = described
        self._shared = shared
        self.vrf_backend: str | None = None
        self.marks: Mapping[str, float] = {}
        self.operations = 0
        self._up = Up(world=self.world, capture=capture, stop_after=stop_after, batch_size=batch_size)
        self._lab: Lab | None = None
        self._changing = threading.Lock()

    @property
    def lab(self) -> Lab:
        """The process tree; there is one inside the context."""
        if self._lab is None:
            raise LiveError("this lab is not up: use it as `with Lab(...) as lab:`")
        return self._lab

    def __enter__(self) -> Self:
        """Bring the lab up.

        Raises:
            EnvironmentProblem: This machine cannot.
            BringUpFailed: It broke; nothing of it is left.
        """
        self.world = self._up.world  # a lab that is entered again begins again
        self._lab = nursery().lab(shared=self._shared)
        try:
            standing = self._lab.ask(self._up, Standing)
        except BaseException:
            self._lab.close()
            raise
        self.vrf_backend, self.operations = standing.vrf_backend, standing.operations
        self.marks = {**self._lab.marks, **standing.marks}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the lab down."""
        ended, self._lab = self.lab, None
        ended.close()

    def act(self, action: Action) -> Measurement:
        """Carry out a change that is no call, and read it back; ModelError if it cannot be."""
        check_deed(action, asked=False)
        apply(self.world, action)
        measured = self.lab.ask(Act.of(action), Measured).measurement
        if measured.outcome is Outcome.DONE:
            with self._changing:  # threads may change a lab at once
                self.world = apply(self.world, action)
        return measured

    def ask(self, call: Call) -> Measurement:
        """Make a call and measure it; ModelError with the nearest name if its host or instance is unknown."""
        check_deed(call, asked=True)
        self.world.host(call.by, where="call/by")
        if call.surface is not Surface.IAM:  # a token is asked of no instance
            self.world.instance(call.instance, where="call/instance")
        return self.lab.ask(Ask(call=call), Measured).measurement

    def sabotage(self, name: str, target: str = "") -> None:
        """Break a part of the lab on purpose (``lab.live.sabotage``), to see a run notice it."""
        self.lab.order(Sabotage(name=name, target=target))

    def host(self, name: str) -> Host:
        """Return a host, to run programs and open shells in; ModelError if the world has none of that name."""
        self.world.host(name)
        return Host(channel=self.lab.channel, name=name)
