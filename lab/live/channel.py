"""A client's conversation with a lab: any thread asks, and gets the answer to its own question.

There is no reading thread: of the threads that wait, one reads for all. It starts nothing and knows no request by name.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from lab import wire
from lab.errors import LiveError
from lab.live.protocol import Answer, Failed, Head, Notice, Request, error_in, with_id

A = TypeVar("A", bound=Answer)
_AGAIN_S: Final = 1.0  # should Ctrl-C have swallowed a notification, a waiting thread looks for itself


class LabEnded(LiveError):
    """The lab has ended: closed here, killed, or its network process died."""


class Channel:
    """One message socket to a lab, for any number of threads."""

    def __init__(self, sock: socket.socket, *, epitaph: Callable[[], str]) -> None:
        """Own ``sock``; ``epitaph`` says what is known about the end of the lab, once it has ended."""
        self.notices: list[Notice] = []
        self.epitaph = epitaph
        self._sock = sock
        self._ids = itertools.count(1)
        # no ``Condition``: it is Python, and Ctrl-C inside it can keep its lock for ever, or lose it
        self._lock = threading.RLock()
        self._sleepers: list[threading.Lock] = []
        self._reading = self._ended = False
        self._answers: dict[int, tuple[bytes, list[int]]] = {}
        self._waited: set[int] = set()

    def ask(self, request: Request, form: type[A], fds: Sequence[int] = (), *, timeout_s: float | None = None) -> A:
        """Return the answer to ``request``, of type ``form``; ``fds`` ride along and stay open here.

        Raises:
            PelabError: What the lab said instead, as the error that was raised there.
            LabEnded: There is no lab any more.
            LiveError: No answer within ``timeout_s``, or one that cannot be read.
        """
        answer, extra = self.exchange(request, form, fds, timeout_s=timeout_s)
        wire.close(extra)
        return answer

    def exchange(
        self, request: Request, form: type[A], fds: Sequence[int] = (), *, timeout_s: float | None = None
    ) -> tuple[A, list[int]]:
        """Do as ``ask``, and also return the descriptors of the answer, which the caller owns."""
        return self.receive(self.begin(request, fds), form, timeout_s=timeout_s)

    def begin(self, request: Request, fds: Sequence[int] = ()) -> int:
        """Send ``request`` and return the id under which ``receive`` gets the answer."""
        number = next(self._ids)
        try:
            self._expect(number)
            wire.send(self._sock, with_id(request, number), fds)
        except OSError as error:
            self._forget(number)
            raise LabEnded(self.epitaph()) from error
        except BaseException:
            self._forget(number)
            raise
        return number

    def first(self, form: type[A]) -> tuple[A, list[int]]:
        """Return the lab's first word, which nobody asked for, and its descriptors."""
        self._expect(0)
        return self.receive(0, form)

    def receive(self, number: int, form: type[A], *, timeout_s: float | None = None) -> tuple[A, list[int]]:
        """Return the message with this id, and its descriptors, which the caller owns."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            data, fds = self._wait(number, deadline)
        finally:
            self._forget(number)
        try:
            message: Any = wire.decode(data, form | Failed)
        except msgspec.MsgspecError as error:
            wire.close(fds)
            text = f"the lab's answer cannot be read: {error}; was it started by another version?"
            raise LiveError(text) from error
        if isinstance(message, Failed):
            wire.close(fds)
            raise error_in(message)
        answer: A = message
        return answer, fds

    def drained(self) -> bool:
        """Read what has already come and return whether the lab has ended, without waiting."""
        reading = False
        try:
            with self._lock:
                if not self._ended and not self._reading:
                    reading = self._reading = True
            if reading:
                self._read(deadline=0.0)
        finally:
            if reading:  # here, and not in a function: Ctrl-C can fall on the way into one
                self._reading = False
            self._hand_over(reading)
        return self._ended

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once the end was seen."""
        return self._sock.fileno()

    def close(self) -> None:
        """End the conversation, for every thread and also for forked children that hold a copy of the socket."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the lab was faster
        finally:
            with self._lock:
                self._ended = True
                if not self._reading:
                    self._sock.close()
                self._wake()

    def drop(self) -> None:
        """Close this process's copy of the socket, and leave the conversation to the process that began it."""
        self._sock.close()

    def _expect(self, number: int) -> None:
        """An answer with this id will be wanted."""
        with self._lock:
            self._waited.add(number)

    def _forget(self, number: int) -> None:
        """Nobody wants this id any more."""
        with self._lock:
            self._waited.discard(number)
            _, fds = self._answers.pop(number, (b"", []))
        wire.close(fds)

    def _wait(self, number: int, deadline: float | None) -> tuple[bytes, list[int]]:
        """Return the raw answer; read for everybody when nobody else does."""
        while True:
            reading, bell = False, threading.Lock()
            try:
                with self._lock:
                    if number in self._answers:
                        return self._answers.pop(number)
                    if self._ended:
                        raise LabEnded(self.epitaph())
                    if deadline is not None and time.monotonic() >= deadline:
                        raise LiveError("the lab did not answer in time")
                    if not self._reading:
                        # in one statement, which Ctrl-C cannot divide
                        reading = self._reading = True
                    else:
                        bell.acquire()
                        self._sleepers.append(bell)
                if reading:
                    self._read(deadline)
                else:
                    left = _AGAIN_S if deadline is None else max(0.0, deadline - time.monotonic())
                    bell.acquire(timeout=min(left, _AGAIN_S))
            finally:
                if reading:  # here, and not in a function: Ctrl-C can fall on the way into one
                    self._reading = False
                self._hand_over(reading)

    def _hand_over(self, reading: bool) -> None:
        """Have another thread read; should Ctrl-C fall in here, those that wait look for themselves in a second."""
        if reading:
            with self._lock:
                self._wake()

    def _wake(self) -> None:
        """Have every thread that waits look again."""
        while self._sleepers:
            self._sleepers.pop().release()

    def _read(self, deadline: float | None) -> None:
        """Read one message, or nothing until ``deadline``."""
        # here one may be interrupted: nothing has been taken yet
        if not _readable(self._sock, deadline):
            return
        whole, fds = False, list[int]()
        try:
            data, fds = wire.recv_bytes(self._sock)
            with self._lock:
                if data is not None:
                    self._sort(data, fds)
                    whole = True
        except OSError as error:
            # descriptors exhausted here: the answer is lost, so the conversation is too
            raise LabEnded(f"the conversation with the lab broke: {error}") from error
        except msgspec.MsgspecError:
            wire.close(fds)  # what cannot be read is nobody's answer; whoever waits must hear that none will come
        finally:
            # also when interrupted with a message in hand: it may be what another thread waits for
            if not whole:
                self._ended = True
                self._sock.close()

    def _sort(self, data: bytes, fds: list[int]) -> None:
        """Keep a message for whoever waits for it; an answer that nobody wants any more is dropped."""
        head: Head = wire.decode(data, Head)
        if head.type == "notice":
            self.notices.append(wire.decode(data, Notice))
        elif head.id in self._waited:
            self._answers[head.id] = (data, fds)
            return
        wire.close(fds)


def _readable(sock: socket.socket, deadline: float | None) -> bool:
    """Wait until ``sock`` has something, at most until ``deadline`` (monotonic)."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000))
