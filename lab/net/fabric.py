"""The fabric: network namespaces held by descriptors, and a queue of named kernel operations that builds them.

Nothing happens to the kernel until ``flush``; then everything that is queued happens in a fixed order (namespaces,
bridges, links, then each namespace's own configuration, bridges up, carrier), many operations a message. A failure
names its operation. It knows no Mininet: ``lab.net.nodes`` and ``lab.net.links`` put Mininet's classes over it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import ClassVar, Final

from lab.errors import BringUpFailed, EnvironmentProblem, LiveError, PelabError
from lab.kernel import messages
from lab.kernel.limits import open_files
from lab.kernel.netlink import NetlinkError
from lab.kernel.veth import bridge, veth
from lab.net.carrier import await_carrier
from lab.net.place import Operation, Place, Port

_PARALLEL_FROM: Final = 20


class Fabric:
    """All namespaces of a network, and what is still to be done to them.

    Attributes:
        switches: The namespace in which bridges and their ports are.
        up: False while what fails is the bringing up.
    """

    _shared: ClassVar[Fabric | None] = None

    def __init__(
        self,
        *,
        on_operation: Callable[[int, str], None] | None = None,
        stop_after: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Queue nothing yet; the namespace of the switches is the first operation.

        Args:
            on_operation: Called with number (from 0) and name before an operation is carried out; all of a batch
                are announced before the batch is sent.
            stop_after: Carry out so many operations, then raise ``BringUpFailed``.
            batch_size: The most messages that are sent at once; 1 makes every operation a message of its own.
        """
        self.switches = Place("switches")
        self.up = False
        self._on_operation, self._stop_after, self._batch_size = on_operation, stop_after, batch_size
        self._done = 0
        self._macs = 0
        self._lock = threading.RLock()
        self._corrections: dict[str, str] = {}
        self._new: list[Place] = [self.switches]
        self._places: list[Place] = [self.switches]
        self._bridges: list[Operation] = []
        self._links: list[Operation] = []
        self._last: list[Operation] = []
        self._carriers: list[tuple[Place, int, str]] = []

    @classmethod
    def shared(cls) -> Fabric:
        """Return the fabric of nodes that were made without one.

        Stock ``mn`` builds nodes itself and can give them nothing; the first node makes this fabric, and a new one is
        made after it has been closed.
        """
        if cls._shared is None or cls._shared.closed:
            cls._shared = cls()
        return cls._shared

    @property
    def closed(self) -> bool:
        """Say whether every namespace has been let go."""
        return not self._places

    @property
    def done(self) -> int:
        """How many operations have been carried out."""
        return self._done

    def mac(self) -> str:
        """Return the next MAC address: locally administered, the same in every run."""
        self._macs += 1
        return "02:00:" + self._macs.to_bytes(4, "big").hex(":")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads from queueing and carrying out: what is queued inside belongs together."""
        with self._lock:
            yield

    def place(self, name: str) -> Place:
        """Return a new namespace's place; it is made by the next ``flush``."""
        made = Place(name)
        with self._lock:
            self._new.append(made)
            self._places.append(made)
        return made

    def add_bridge(self, name: str) -> int:
        """Queue a bridge in the switches' namespace and return its index; ``raise_bridge`` lets it forward."""
        with self._lock:
            index = self.switches.index()
            self._bridges.append(Operation(f"{name}: new bridge", bridge(name, index)))
        return index

    def raise_bridge(self, name: str, index: int) -> None:
        """Queue that the bridge goes up, after all ports."""
        with self._lock:
            self._last.append(Operation(f"{name}: up", messages.link_up(index)))

    def add_link(self, a: Port, b: Port, *, carrier: bool = True) -> Port:
        """Queue a pair and return the end that will be up from the start; the other is to be raised.

        With ``carrier`` the next ``flush`` ends only when packets can pass.
        """
        first, second = (b, a) if b.master is not None and a.master is None else (a, b)
        with self._lock:
            self._links.append(
                Operation(f"{a} -- {b}: new link", lambda: veth(first.end(), second.end(), master=first.master))
            )
            if second.master is not None:
                self.do(second.place, f"{second}: join bridge", messages.link_master(second.index, second.master))
            if carrier:
                # the end that was raised first has to be told of its carrier
                self._carriers += [
                    (p.place, p.index, str(p)) for p in (first, second) if p is first or p.master is not None
                ]
        return first

    def do(self, place: Place, text: str, message: bytes) -> None:
        """Queue a message to the namespace ``place``."""
        with self._lock:
            place.queue.append(Operation(text, message))

    def act(self, place: Place, text: str, act: Callable[[], None]) -> None:
        """Queue an act, in its turn among the messages to the namespace ``place``."""
        with self._lock:
            place.queue.append(Operation(text, act=act))

    def set(self, place: Place, owner: str, name: str, value: str) -> None:
        """Queue the setting of a sysctl of the namespace ``place``."""
        self.act(place, f"{owner}: set {name} = {value}", lambda: place.set(name, value))

    def plan(self) -> list[str]:
        """Return the names of the operations that the next ``flush`` will carry out, in order."""
        names = [_named(place) for place in self._new]
        names += [operation.text for _, group in self._groups() for operation in group]
        return names + [f"carrier of {len(self._carriers)} interfaces"] * bool(self._carriers)

    def _groups(self) -> Iterator[tuple[Place, list[Operation]]]:
        """Yield what is queued, place by place, in the order in which it has to be done."""
        yield self.switches, self._bridges + self._links
        for place in self._places:
            yield place, place.queue
        yield self.switches, self._last

    def encode(self) -> int:
        """Encode the messages that are queued, send none, and return their number; the fabric is of no use after."""
        for place in self._new:
            place.namespace = 0  # any number: a link's message names its ends' namespaces
        operations = [operation for _, group in self._groups() for operation in group]
        made = [o.message() if callable(o.message) else o.message for o in operations if o.message is not None]
        return len(made)

    def flush(self) -> None:
        """Carry out what is queued; ``BringUpFailed`` (``LiveError`` once ``up``) names the operation that failed."""
        with self._lock:
            new, self._new = self._new, []
            groups = [(place, list(operations)) for place, operations in self._groups() if operations]
            carriers, self._carriers = self._carriers, []
            self._bridges, self._links, self._last = [], [], []
            for place, _ in groups:
                place.queue.clear()
            self._make(new)
            for place, operations in groups:
                self._execute(place, operations)
            if carriers:
                watch = Operation(f"carrier of {len(carriers)} interfaces", act=lambda: await_carrier(carriers))
                self._execute(self.switches, [watch])

    def _make(self, new: list[Place]) -> None:
        """Make the namespaces, two at a time where there are many."""
        if len(new) < _PARALLEL_FROM or self._on_operation or self._stop_after is not None:
            for place in new:
                self._execute(place, [Operation(_named(place), act=partial(self._open, place))])
            return
        self._execute(new[0], [Operation(_named(new[0]), act=partial(self._open, new[0]))])
        failed: list[tuple[Place, BaseException]] = []

        def some(places: list[Place]) -> None:
            for place in places:
                try:
                    self._open(place)
                except BaseException as error:  # noqa: BLE001 - handed over whole to the caller's thread
                    failed.append((place, error))
                    return

        thread = threading.Thread(target=some, args=[new[1::2]])
        thread.start()
        try:
            some(new[2::2])
        finally:
            thread.join()
        if failed:
            place, error = failed[0]
            raise self._failure(_named(place), error) from error
        self._done += len(new) - 1

    def _open(self, place: Place) -> None:
        """Make one namespace; the first shows what has to be set right in every other."""
        if place is self.switches:
            self._corrections = place.open_first()
            return
        place.open(self._corrections)

    def _execute(self, place: Place, operations: list[Operation]) -> None:
        """Carry out operations in one place: messages in batches, acts one by one."""
        waiting: list[Operation] = []
        for operation in operations:
            if operation.act is None:
                waiting.append(operation)
                if len(waiting) == self._batch_size:
                    self._send(place, waiting)
                    waiting = []
                continue
            self._send(place, waiting)
            waiting = []
            self._announce(operation)
            try:
                operation.act()
            except OSError as error:
                raise self._failure(operation.text, error) from error
        self._send(place, waiting)

    def _send(self, place: Place, operations: list[Operation]) -> None:
        """Send one batch; when an announcement raises, what was announced before is still sent."""
        announced: list[Operation] = []
        try:
            for operation in operations:
                self._announce(operation)
                announced.append(operation)
        finally:
            self._transmit(place, announced)

    def _transmit(self, place: Place, operations: list[Operation]) -> None:
        """Send the messages of announced operations."""
        if not operations:
            return
        made = [o.message() if callable(o.message) else o.message or b"" for o in operations]
        try:
            place.send(made)
        except NetlinkError as error:
            raise self._failure(operations[error.index].text, error) from error

    def _announce(self, operation: Operation) -> None:
        """Count an operation that is about to be carried out, and say so."""
        if self._done == self._stop_after:
            raise BringUpFailed(f"stopped after {self._done} operations, before: {operation.text}")
        if self._on_operation is not None:
            self._on_operation(self._done, operation.text)
        self._done += 1

    def _failure(self, text: str, error: BaseException) -> PelabError:
        """Return the error of a failed operation, with its name and the kernel's words."""
        if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
            return EnvironmentProblem(f"{text}: too many open files", fix=open_files())
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return (LiveError if self.up else BringUpFailed)(f"{text}: {words}")

    def forget(self, place: Place) -> None:
        """Close one namespace for good."""
        place.close()
        with suppress(ValueError):  # closed before: nothing to forget
            self._places.remove(place)
        if self._places == [self.switches]:
            self.close()

    def close(self) -> None:
        """Let go of every namespace at once; what is still queued is dropped."""
        for place in self._places:
            place.close()
        self._places, self._new, self._carriers = [], [], []


def _named(place: Place) -> str:
    return f"{place.name}: new network namespace"
