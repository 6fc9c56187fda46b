"""What runs in a clean root ends with the call that started it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.machines.clean_root import CleanRoot

# eight processes in sessions of their own, each with the file "alive" open, that fill a folder as quickly as they can
WRITERS = """
mkdir /filled; mkfifo /alive
for writer in $(seq 8); do
    setsid sh -c 'n=0; while :; do n=$((n+1)); mkdir -p /filled/$0/$n; done' $writer 3<>/alive &
done
echo begun >/begun
wait
"""


def test_an_interrupted_command_leaves_nobody_who_writes(debian: CleanRoot, tmp_path: Path) -> None:
    """When Ctrl-C has come through, no process of the root is left, and it can be removed."""
    begun = tmp_path / "root/begun"

    def interrupt() -> None:
        begun.read_text()
        os.kill(os.getpid(), signal.SIGINT)

    with debian.copied(tmp_path / "root") as made:
        os.mkfifo(begun)
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            made.run("sh", "-c", WRITERS)
        with pytest.raises(OSError, match="No such device or address"):  # ENXIO: nobody has it open
            os.open(made.path / "alive", os.O_WRONLY | os.O_NONBLOCK)
    assert not (tmp_path / "root").exists()


def test_without_debootstrap_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that cannot make its machine fails with the command that mends it, and is not skipped."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="bin/setup machines"):
        CleanRoot.make(tmp_path / "root")
