"""A fabric's queue belongs to every thread: what one queues while another carries out is neither lost nor torn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from lab.net.fabric import Fabric
from lab.net.place import Operation, Place

A_MOMENT_S = 0.1


def without_kernel(*names: str) -> tuple[Fabric, list[Place]]:
    """Return a fabric and places that are in no kernel; acts need none."""
    fabric = Fabric()
    places = [fabric.place(name) for name in names]
    fabric._new.clear()
    return fabric, places


class Watched(list[Operation]):
    """A queue that tells when it is looked at, and gives the other thread time to come between."""

    def __init__(self, looked: Callable[[], None]) -> None:
        super().__init__([Operation("nothing", act=lambda: None)])
        self._looked = looked

    def __iter__(self) -> Iterator[Operation]:
        self._looked()
        return super().__iter__()


def test_what_is_queued_while_another_thread_carries_out_is_not_lost() -> None:
    """It waits for its turn, and is carried out by the next flush."""
    done: list[str] = []
    fabric, (first, second) = without_kernel("first", "second")
    looked, queued = threading.Event(), threading.Event()

    def queue() -> None:
        looked.wait(5)
        fabric.act(first, "late", lambda: done.append("late"))
        queued.set()

    thread = threading.Thread(target=queue)
    thread.start()
    fabric.act(first, "early", lambda: done.append("early"))

    def look() -> None:
        looked.set()
        queued.wait(A_MOMENT_S)

    second.queue = Watched(look)
    fabric.flush()
    thread.join(5)
    second.queue = []
    fabric.flush()
    assert done == ["early", "late"]


def test_a_change_is_carried_out_by_the_thread_that_queues_it() -> None:
    """Another thread's flush would take half of it, and hear of its failure in its place."""
    where: list[int] = []
    fabric, (place,) = without_kernel("place")
    queued = threading.Event()

    def other() -> None:
        queued.wait(5)
        fabric.flush()

    thread = threading.Thread(target=other)
    thread.start()
    with fabric.alone():
        fabric.act(place, "half", lambda: where.append(threading.get_ident()))
        queued.set()
        thread.join(A_MOMENT_S)
        fabric.act(place, "other half", lambda: where.append(threading.get_ident()))
        fabric.flush()
    thread.join(5)
    assert where == [threading.get_ident()] * 2
