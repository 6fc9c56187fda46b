"""A machine that cannot: one clear message with the command that mends it, its own exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAY = [sys.executable, "-m", "lab", "play", "private_only_lockout", "--live"]
CANNOT = 3

# Limits of namespaces are each user namespace's own, so a test can set them for what it starts and for nothing else.
WITHOUT = """
import os, sys
from pathlib import Path
from lab.kernel import namespaces as ns
what, everybody, *command = sys.argv[1:]
ready, go = os.pipe(), os.pipe()
if child := os.fork():
    os.read(ready[0], 1)
    if everybody == "everybody":
        for kind in ("uid", "gid"):
            Path(f"/proc/{child}/{kind}_map").write_text("0 0 65535")
    os.write(go[1], b"x")
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
if everybody == "everybody":
    ns.unshare(ns.NEWUSER)
else:
    ns.enter_user_namespace()
os.write(ready[1], b"x")
os.read(go[0], 1)
Path(f"/proc/sys/user/{what}").write_text("0")
if everybody == "everybody":
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.execv(command[0], command)
"""
COVERED = [sys.executable, str(Path(__file__).with_name("covered.py"))]
FULL = ("/tmp", "/run", "/dev/shm", "/var/tmp")


def kinds() -> list[Any]:
    """Return the limits that a test can set; for user namespaces one needs to be root and become somebody else."""
    own = [pytest.param("max_pid_namespaces", "me", id="pid-namespaces")]
    if os.geteuid() == 0:
        own.append(pytest.param("max_user_namespaces", "everybody", id="user-namespaces"))
    return own


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


def refused(*command: str) -> str:
    """Run a command that this machine cannot do; return what it says of it, which is no traceback."""
    done = run(*command)
    assert done.returncode == CANNOT, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("limit,who", kinds())
def test_a_kernel_without_namespaces_is_told_with_the_command_that_mends_it(limit: str, who: str) -> None:
    """Exit status 3; the setting by its name; the sysctl command."""
    told = refused(sys.executable, "-c", WITHOUT, limit, who, *PLAY)
    assert f"user.{limit} is 0" in told
    assert f"fix: sudo sysctl -w user.{limit}=10000" in told


@pytest.mark.parametrize("limit", ["max_pid_namespaces", "max_net_namespaces"])
def test_where_a_lab_is_impossible_play_says_so_and_plays_in_memory(limit: str) -> None:
    """Asked for nothing in particular, it falls back, says which it was and why, and claims no measurement."""
    done = run(sys.executable, "-c", WITHOUT, limit, "me", *PLAY[:-1], "--json")
    assert done.returncode == 0, done.stderr
    assert '"mode": "memory"' in done.stdout
    assert "nothing is measured" in done.stderr
    assert f"user.{limit} is 0" in done.stderr


def test_a_full_disk_does_not_matter() -> None:
    """A lab writes nothing outside its own memory: with every usual folder full it plays as ever."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    sandbox = ["unshare", *mapped, "--mount", "--propagation", "private", *COVERED, *FULL, "--"]
    environment = {**os.environ, "FILL": "1", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*sandbox, *PLAY], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 agreed" in done.stdout


@pytest.mark.parametrize("limit", ["16", "24", "32", "40"])
def test_exhausted_descriptors_are_told(limit: str) -> None:
    """With too few open files allowed, the message names the limit and how to raise it."""
    told = refused("sh", "-c", 'ulimit -n $0; exec "$@"', limit, *PLAY)
    assert "too many open files" in told
    assert "ulimit -n" in told or "--nofile=" in told


MANY_DOORS = """
import resource, sys
from lab import Builder, Lab
from lab.errors import EnvironmentProblem
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
b = Builder()
b.vsi("vsi-1", account=b.account("acme", vrf=True, service_endpoints=True))
for number in range(60):
    b.crypto_instance(f"keys-{number}", account="acme")
lab = Lab(b.world(), capture=False)
try:
    lab.__enter__()
except EnvironmentProblem as problem:
    print(problem.fix)
"""


@pytest.mark.parametrize("limit", ["128", "200", "256"])
def test_listeners_that_do_not_fit_are_told_in_moments(limit: str) -> None:
    """Sixty instances' listeners are more than the cloud process may have: it is a message, and no waiting for ever."""
    command = [sys.executable, "-c", MANY_DOORS, limit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ulimit -n" in done.stdout or "--nofile=" in done.stdout
