"""Ctrl-C at whatever moment of a question: every later question is answered, or told that no answer will come."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from lab import wire
from lab.errors import LiveError
from lab.live import channel
from lab.live.channel import Channel, LabEnded
from lab.live.protocol import Ping, Pong

BUDGET_S = 10
CONVERSATIONS, INTERRUPTS = 10, 30


def answer_all(sock: socket.socket) -> None:
    """Be a lab that answers every question."""
    with sock:
        while (asked := wire.recv(sock, Ping)[0]) is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.send(sock, Pong(id=asked.id, pid=2, threads=asked.id))


@contextlib.contextmanager
def conversation() -> Iterator[Channel]:
    """Yield a conversation with a lab that answers every question."""
    ours, theirs = wire.pair()
    lab = threading.Thread(target=answer_all, args=[theirs])
    lab.start()
    made = Channel(ours, epitaph=lambda: "it has ended")
    try:
        yield made
    finally:
        made.close()
        lab.join(BUDGET_S)


@pytest.fixture
def alarm() -> Iterator[None]:
    """Have an alarm raise what Ctrl-C raises."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def interrupted(asked: Channel, after_s: float) -> None:
    """Ask until Ctrl-C comes."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, after_s)
        while True:
            asked.ask(Ping(), Pong)


@pytest.mark.parametrize("number", range(CONVERSATIONS))
@pytest.mark.usefixtures("alarm")
def test_an_interrupted_question_keeps_nobody_waiting(number: int) -> None:
    """Neither a thread that asks beside it nor the next question; each answer is the one to its own question."""
    chance, enough = random.Random(number), threading.Event()

    def beside(asked: Channel) -> None:
        with contextlib.suppress(LabEnded):
            while not enough.is_set():
                own = asked.begin(Ping())
                assert asked.receive(own, Pong)[0].threads == own

    with ThreadPoolExecutor(1) as pool, conversation() as asked:
        waiting = pool.submit(beside, asked)
        try:
            # when one came just as a message was in hand, all are told that the conversation is over
            with contextlib.suppress(LabEnded):
                for _ in range(INTERRUPTS):
                    interrupted(asked, chance.uniform(1e-5, 5e-4))
                    asked.ask(Ping(), Pong, timeout_s=BUDGET_S)
        finally:
            enough.set()
        waiting.result(BUDGET_S)


def test_a_question_that_was_interrupted_while_waiting_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual Ctrl-C: the answer that comes late is nobody's, and the next question gets its own."""

    def pressed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with conversation() as asked:
        with monkeypatch.context() as patch:
            patch.setattr(channel, "_readable", pressed)
            with pytest.raises(KeyboardInterrupt):
                asked.ask(Ping(), Pong)
        own = asked.begin(Ping())
        assert asked.receive(own, Pong, timeout_s=BUDGET_S)[0].threads == own


def test_an_answer_of_another_form_is_said_to_be_of_another_version() -> None:
    """As from a lab that was brought up before pelab was replaced: one line, no traceback; the next is answered."""
    ours, theirs = wire.pair()
    asked = Channel(ours, epitaph=lambda: "it has ended")
    with theirs, contextlib.closing(asked):
        number = asked.begin(Ping())
        theirs.send(b'{"type": "pong", "id": %d, "pid": "two"}' % number)
        with pytest.raises(LiveError, match=r"(?s)cannot be read: .*was it started by another version\?$"):
            asked.receive(number, Pong)
        number = asked.begin(Ping())
        wire.send(theirs, Pong(id=number, pid=2, threads=1))
        assert asked.receive(number, Pong)[0].pid == 2
