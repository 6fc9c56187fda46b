"""Two labs of one nursery never draw alike: OpenSSL's random state must not be shared across the fork."""

from __future__ import annotations

import pytest

from lab.live.lab import Nursery
from tests.live import process_fixtures
from tests.live.process_fixtures import FURNISHING
from tests.live.two_hosts import Draw, Drawn

pytestmark = pytest.mark.live

nursery = process_fixtures.nursery


def test_labs_of_one_nursery_never_draw_the_same(nursery: Nursery) -> None:
    """Not the same 16 bytes, and not the same key, although their processes have equal pids."""
    drawn = []
    for _ in range(4):
        with nursery.lab(furnishing=FURNISHING) as lab:
            drawn += [lab.ask(Draw(), Drawn) for _ in range(2)]
    assert len({each.random for each in drawn}) == 8
    assert len({each.key for each in drawn}) == 8


def test_no_process_that_draws_has_the_nurserys_pid(nursery: Nursery) -> None:
    """The nursery is pid 1 of its namespace, and the network process is not: OpenSSL tells forks apart by their pid."""
    with nursery.lab(furnishing=FURNISHING) as lab:
        assert lab.ping().pid == 2
        listing = lab.host("left").run(["ps", "ax", "-o", "pid=,args="]).stdout
    titles = [line.split(maxsplit=1) for line in listing.splitlines()]
    assert [title[1].strip() for title in titles[:3]] == ["pelab init", "pelab network", "pelab cloud"]
    assert titles[0][0] == "1"


def test_the_nursery_itself_draws_nothing() -> None:
    """What it prepares for its labs leaves OpenSSL's generator untouched: a fork of equal pid would repeat the draw.

    A child with the parent's pid is what makes the state visible: two of them must draw differently.
    """
    import os
    import subprocess
    import sys

    script = """
import os, sys
from lab.kernel import namespaces as ns
from lab.live import nursery, sandbox
sandbox.enter_nursery()
if pid := os.fork():
    os.waitpid(pid, 0)
    os._exit(0)
sandbox.settle_nursery()
nursery.preload()
home = ns.current("pid")
for _ in range(2):
    ns.unshare(ns.NEWPID)
    if (pid := os.fork()) == 0:
        import ssl
        assert os.getpid() == 1
        print(ssl.RAND_bytes(16).hex(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    ns.setns(home, ns.NEWPID)
os._exit(0)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    drawn = done.stdout.split()
    assert len(drawn) == 2, done.stderr
    assert drawn[0] != drawn[1]
