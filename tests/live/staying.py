"""What tests of labs that stay stand on: a runtime folder, ``pelab`` as its user types it, and what is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.live.rope import ended
from tests.live.terminals import Terminal
from tests.live.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


class Home:
    """A user's runtime folder, and pelab as that user types it."""

    def __init__(self, path: Path, user: int | None = None) -> None:
        self.path, self.user = path, user
        self.labs = path / "pelab"

    def options(self, **more: Any) -> dict[str, Any]:
        """Return what ``Popen`` needs."""
        who = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.path), "PYTHONPATH": str(ROOT), "TERM": "dumb"}
        return {"env": {**environment, "PYTHONDONTWRITEBYTECODE": "1"}, "cwd": ROOT, **who} | more

    def pelab(self, *arguments: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in a pipe."""
        options = self.options(input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, **more)
        return subprocess.run([sys.executable, "-m", "lab", *arguments], check=False, **options)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command in a pipe, as a shell does: Ctrl-C is heard."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-m", "lab", *arguments], **self.options(**(pipes | more)))

    def on(self, screen: Terminal, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command on a terminal of its own; the test keeps the user's side only."""
        ends = {"stdin": screen.slave, "stdout": screen.slave, "stderr": screen.slave}
        command = ["setsid", "--ctty", sys.executable, "-m", "lab", *arguments]
        started = subprocess.Popen(command, **self.options(**{**ends, **more}))
        os.close(screen.slave)
        return started

    def up(self, *arguments: str) -> dict[str, Any]:
        """Bring a lab up that stays, and return its document."""
        done = self.pelab("up", "-d", "single_account", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def names(self) -> list[str]:
        """Return the names of the labs that are up."""
        return [one["name"] for one in json.loads(self.pelab("ls", "--json").stdout)["labs"]]

    def left(self) -> list[str]:
        """Return the files that labs have here."""
        return sorted(path.name for path in self.labs.iterdir()) if self.labs.is_dir() else []


@contextmanager
def a_home(user: int | None = None) -> Iterator[Home]:
    """Give a runtime folder; no lab of it is up afterwards."""
    path = Path(tempfile.mkdtemp(prefix="pelab-test-"))
    if user is not None:
        os.chown(path, user, user)
    home = Home(path, user)
    try:
        yield home
    finally:
        home.pelab("down", "--all")
        shutil.rmtree(path, ignore_errors=True)


def below(pid: int) -> list[int]:
    """Return a process and every process below it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                continue  # it has just ended
    return found


@contextmanager
def ending(pid: int) -> Iterator[None]:
    """Make sure that after the block a process and everything that was below it at its beginning has ended."""
    watched = {each: os.pidfd_open(each) for each in below(pid)}
    try:
        yield
        assert [each for each, fd in watched.items() if not ended(fd, PATIENCE_S)] == []
    finally:
        for fd in watched.values():
            os.close(fd)


def titled(pid: int, title: str) -> int:
    """Return the process below ``pid`` that shows this title."""
    (found,) = [each for each in below(pid) if _title(each) == title]
    return found


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
