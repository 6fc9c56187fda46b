"""``LiveLab``: a world on a live network, as users and the runner see it.

Works in any process; the lab itself is a tree of other processes (``lab.live.lab``). Leaving the context
ends it, and the kernel frees everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from lab import catalogue
from lab.describe.inclusion import TopologyRef
from lab.describe.topology import Topology
from lab.errors import LiveError, ModelError, Problem, nearest
from lab.live.deeds import Deeds
from lab.live.host import Host
from lab.live.lab import Lab
from lab.live.lab import shared as nursery
from lab.live.protocol import Answer, Request
from lab.live.world import (
    KERNEL_WORDS,
    Differences,
    Leave,
    Left,
    Look,
    Release,
    Sabotage,
    Saved,
    SaveFrames,
    Standing,
    Tell,
    Told,
    Up,
)
from lab.model.world import World

A = TypeVar("A", bound=Answer)


class LiveLab(Deeds):
    """A lab with a world. ``vrf_backend`` names how accounts are kept apart, once it is up.

    ``world`` is what this client described and changed: what calls did to it (policies, keys) only the lab knows.
    """

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
        super().__init__(described)
        self._shared = shared
        self.vrf_backend: str | None = None
        self.marks: Mapping[str, float] = {}
        self.operations = 0
        self._up = Up(world=self.world, capture=capture, stop_after=stop_after, batch_size=batch_size)
        self._lab: Lab | None = None

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

    def tell(self, host: str, word: str, *arguments: Any, **named: Any) -> Any:
        """Say a word of pyroute2's ``IPRoute`` to a host's kernel, unchanged, and return the answer as plain data.

        Only the name of an interface is translated, where ``index``, ``ifindex`` or ``oif`` want its index. This lab's
        world learns nothing of it: ``beyond`` tells what is different then.

        Raises:
            ModelError: No such host or word, or the kernel refuses.
        """
        self.world.host(host)
        if word not in KERNEL_WORDS:
            text = f"pyroute2's IPRoute has no word {word!r} for a host"
            raise ModelError(Problem(where=f"netlink/{host}", text=text, hint=nearest(word, KERNEL_WORDS)))
        return self.lab.ask(Tell(host=host, word=word, arguments=list(arguments), named=named), Told).answer

    def beyond(self, host: str) -> list[str]:
        """Return how a host's kernel differs from what was described and changed by actions, a line each."""
        self.world.host(host)
        return self.lab.ask(Look(host=host), Differences).lines

    def answer(self, request: Request, form: type[A]) -> A:
        """Return the lab's answer to ``request``."""
        return self.lab.ask(request, form)

    def release_canaries(self) -> None:
        """Begin to show that the capture sees what leaves by every interface that is up now."""
        self.lab.order(Release())

    def left(self, host: str, since: float = 0.0) -> Left:
        """Return the public packets that left a host after ``since``, in seconds since the epoch."""
        self.world.host(host)
        return self.lab.ask(Leave(host=host, since=since), Left)

    def save(self, fd: int, since: float = 0.0) -> Saved:
        """Write the captured frames after ``since`` to a descriptor, as pcapng; EnvironmentProblem without room."""
        return self.lab.ask(SaveFrames(since=since), Saved, [fd])

    def sabotage(self, name: str, target: str = "") -> None:
        """Break a part of the lab on purpose (``lab.live.sabotage``), to see a run notice it."""
        self.lab.order(Sabotage(name=name, target=target))

    def host(self, name: str) -> Host:
        """Return a host, to run programs and open shells in; ModelError if the world has none of that name."""
        self.world.host(name)
        return Host(channel=self.lab.channel, name=name)
