"""A full disk is one clear line with what mends it; nothing is left half-written, and the next command works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.kernel import namespaces as ns
from lab.live.residue import compare, snapshot
from tests.live.staying import Home

pytestmark = pytest.mark.live
Run = Callable[..., Any]


def full_folder(name: str, *, inodes: int, size: str = "64k") -> Path:
    """Return a small file system with as many inodes."""
    folder = Path("/run", name)
    folder.mkdir()
    ns.mount("small", str(folder), "tmpfs", data=f"size={size},nr_inodes={inodes},mode=700")
    return folder


def fill(folder: Path) -> Path:
    """Take all the room that is left, and return the file that holds it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                continue
        except OSError:
            return ballast
    raise AssertionError("it was never full")


def no_room_for_its_name(inodes: int, filled: bool) -> list[Any]:
    """Bring a lab up that stays, where it cannot be written down; then make room and try again."""
    home = Home(full_folder("runtime", inodes=inodes))
    home.labs.mkdir(mode=0o700)
    ballast = fill(home.path) if filled else home.path / "ballast"
    ballast.touch()
    before = snapshot()
    refused = home.pelab("up", "-d", "single_account")
    # /tmp is shared with whatever else runs on the machine
    changed = [str(each) for each in compare(before, snapshot()) if each.section != "files"]
    left = changed, home.left()
    ballast.unlink()
    after = home.pelab("up", "-d", "single_account")
    home.pelab("down", "--all")
    return [refused.returncode, refused.stderr.splitlines(), left, after.returncode]


# three are the file system's root, pelab's folder and the ballast; then come the lab's file and its socket
@pytest.mark.parametrize(
    "inodes,filled,after",
    [
        pytest.param(100, True, 0, id="no-space"),
        pytest.param(3, False, 3, id="no-inode-for-the-file"),
        pytest.param(4, False, 0, id="no-inode-for-the-socket"),
    ],
)
def test_a_lab_that_cannot_be_written_down_does_not_come_up(
    sandboxed: Run, inodes: int, filled: bool, after: int
) -> None:
    """What is full is said, with the command that shows it; no process and no file stays."""
    status, told, left, then = sandboxed(no_room_for_its_name, inodes, filled)
    assert status == 3
    assert told == [
        "this machine cannot: the lab cannot be written down in /run/runtime/pelab: No space left on device",
        "fix: df -h -i /run/runtime/pelab; free some space, or set XDG_RUNTIME_DIR",
    ]
    assert left == [[], []]
    assert then == after


def no_room_for_a_capture() -> list[Any]:
    """Save a capture to a full disk, and then to one with room."""
    home = Home(full_folder("runtime", inodes=100))
    target = full_folder("target", inodes=10, size="8k")
    kept = target / "lab.pcapng"
    kept.write_text("of before")
    ballast = fill(target)
    home.pelab("up", "-d", "single_account")
    home.pelab("exec", "vsi-1", "--", "sh", "-c", "curl -s $PELAB_KMS_PRIVATE/api/v2/keys")
    refused = home.pelab("capture", str(kept))
    left = sorted(path.name for path in target.iterdir()), kept.read_text()
    elsewhere = home.pelab("capture", "/run/lab.pcapng")
    home.pelab("down", "--all")
    ballast.unlink()
    return [refused.returncode, refused.stderr.splitlines(), left, elsewhere.returncode]


def test_a_capture_that_does_not_fit_is_said(sandboxed: Run) -> None:
    """The file of before is as it was, nothing lies beside it, and the lab still captures."""
    status, told, left, elsewhere = sandboxed(no_room_for_a_capture)
    assert status == 3
    assert told == [
        "this machine cannot: /run/target/lab.pcapng cannot be written: No space left on device",
        "fix: df -h -i /run/target; free some space, or name another file",
    ]
    assert left == [["ballast", "lab.pcapng"], "of before"]
    assert elsewhere == 0
