"""The capture process is a process of its own: one that does not answer holds nobody up for long."""

from __future__ import annotations

import asyncio
import signal
import time
from ipaddress import IPv4Address

import pytest

from lab.errors import ProbeFailed
from lab.live.captures import Captures
from lab.measure.capture import Find
from lab.measure.flow import TCP, Flow

NOBODY = IPv4Address("192.0.2.1")
QUESTION = Find(
    flow=Flow(protocol=TCP, source=NOBODY, source_port=1, destination=NOBODY, destination_port=2), in_words=False
)


def test_a_silent_capture_is_waited_for_once() -> None:
    """A stopped process costs one budget, not one for each call; when it goes on, it is asked again."""

    async def asked() -> None:
        captures = Captures({})
        process = captures._process
        try:
            assert (await captures.ask(QUESTION)).seen == []
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(ProbeFailed, match="did not answer in 0.3 s"):
                await captures.ask(QUESTION, budget_s=0.3)
            began = time.monotonic()
            with pytest.raises(ProbeFailed, match="did not answer"):
                await captures.find(QUESTION.flow, 0.0)
            assert time.monotonic() - began < 5, "far less than its budget"
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(20):
                while True:  # it answers what it owes first
                    try:
                        assert (await captures.ask(QUESTION)).seen == []
                        break
                    except ProbeFailed:
                        continue
        finally:
            process.kill()
            process.wait()
            captures._ours.close()

    asyncio.run(asked())
