"""The registry of labs that stay: a name is one lab's, its folder one user's, and a dead lab is never taken for one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import EnvironmentProblem, ModelError
from lab.live import entry as entries
from lab.live import registry as registries
from lab.live.entry import begun, free_names
from lab.live.registry import Claim, Registry, Taken, place

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from lab.live.entry import begun
from lab.live.registry import Registry
with Registry(Path(sys.argv[1])) as labs, labs.claim(begun(sys.argv[2], "t", [], detached=True)) as claim:
    with claim.stand(["vsi-1"]):
        print("standing", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[Registry]:
    """A registry in a folder of its own."""
    with Registry(tmp_path / "pelab") as opened:
        yield opened


def claim(labs: Registry, name: str) -> Claim:
    """Claim a name."""
    return labs.claim(begun(name, "single_account", [], detached=False))


def holder(labs: Registry, name: str) -> subprocess.Popen[str]:
    """Return a process that keeps a lab of this name, as far as anybody can see."""
    command = [sys.executable, "-c", HOLD, str(labs.path), name]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "standing\n"
    return process


def test_a_name_is_one_labs(labs: Registry) -> None:
    """A second of the name is told how to go on; once the first is gone the name is free, and nothing is left."""
    with claim(labs, "mine"):
        with pytest.raises(Taken, match=r"^lab mine: a lab of this name is up \(pelab down mine, or another name"):
            claim(labs, "mine")
        assert [entry.name for entry in labs.labs()] == ["mine"]
    assert list(labs.path.iterdir()) == []
    claim(labs, "mine").__exit__(None, None, None)


def test_without_its_lock_a_name_would_be_anybodys(labs: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sabotage: it is the lock, and nothing else, that keeps two labs of one name apart."""
    monkeypatch.setattr(registries, "hold", lambda _: True)
    with claim(labs, "mine"):
        claim(labs, "mine")


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "-x", "a b", "x" * 64, "ä"])
def test_a_name_is_no_path(labs: Registry, name: str) -> None:
    """What could lead out of the folder, or be taken for an option, is no name; the rule is said."""
    with pytest.raises(ModelError, match="is no name for a lab .*letters"):
        claim(labs, name)
    assert list(labs.path.iterdir()) == []


def test_files_are_private(labs: Registry) -> None:
    """Folder 0700, file and socket 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with claim(labs, "mine") as mine, mine.stand([]):
            modes = {path.name: path.stat().st_mode & 0o777 for path in labs.path.iterdir()}
        assert modes == {"mine.lab": 0o600, "mine.sock": 0o600}
        assert labs.path.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_a_folder_that_others_may_use_is_refused(tmp_path: Path) -> None:
    """Somebody could have put a socket there; the error names what is wrong and what to do."""
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(EnvironmentProblem, match="not this user's alone: owner .*, mode 0777") as told:
        Registry(open_to_all)
    assert "XDG_RUNTIME_DIR" in told.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """As it would be found in /tmp, made by another user beforehand."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(EnvironmentProblem, match="owner 65534"):
        Registry(theirs)


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    """Nor is a file."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(EnvironmentProblem, match=r"which cannot be: Not a directory"):
            Registry(tmp_path / name)


def test_the_folder_is_in_the_users_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, or it is another user's (``sudo -E``), a private one in /tmp."""
    private = Path(f"/tmp/pelab-{os.geteuid()}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert place() == tmp_path / "pelab"
    for useless in ("relative", str(tmp_path / "missing"), ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", useless)
        assert place() == private
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert place() == private


def test_what_a_killed_lab_left_is_told_and_cleaned(labs: Registry) -> None:
    """It says that it stands, and its socket is there: only the lock knows better."""
    process = holder(labs, "killed")
    assert [entry.standing for entry in labs.labs()] == [True]
    labs.connect("killed").close()
    assert labs.clean() == []
    process.kill()
    process.communicate()
    assert labs.labs() == []
    assert "was killed" in labs.clean()[0].ended
    assert list(labs.path.iterdir()) == []


def test_what_a_killed_lab_left_is_in_nobodys_way(labs: Registry) -> None:
    """A lab of its name can be begun without anybody cleaning first."""
    process = holder(labs, "killed")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with claim(labs, "killed") as mine, mine.stand(["laptop"]):
        labs.connect("killed").close()
        assert labs.find(None).hosts == ["laptop"]


def test_if_locks_were_not_asked_a_dead_lab_would_be_found(labs: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sabotage: a file alone proves nothing, so it is not what is asked."""
    (labs.path / "left.lab").write_text(json.dumps({"name": "left", "pid": os.getpid(), "standing": True}))
    assert labs.labs() == []
    monkeypatch.setattr(registries, "held", lambda _: True)
    assert [entry.name for entry in labs.labs()] == ["left"]


def test_after_a_restart_nothing_is_believed(labs: Registry) -> None:
    """The pid in a file may be anybody's by then, and the file may be torn."""
    (labs.path / "left.lab").write_text(json.dumps({"name": "left", "pid": 1, "standing": True}))
    (labs.path / "left.sock").touch()
    (labs.path / "torn.lab").write_text('{"name": "to')
    assert sorted(gone.name for gone in labs.clean()) == ["left", "torn"]
    assert list(labs.path.iterdir()) == []


def test_a_lab_that_saw_its_end_says_why(labs: Registry) -> None:
    """The word that it left is told once, and its name is free."""
    with claim(labs, "mine") as mine:
        mine.bequeath("the network process ended")
    assert [(gone.name, gone.ended) for gone in labs.clean()] == [("mine", "the network process ended")]
    assert labs.clean() == []


def test_a_lab_is_found_by_name_or_because_it_is_the_only_one(labs: Registry) -> None:
    """Else it is said what there is, and what was probably meant."""
    with pytest.raises(ModelError, match=r"no lab is up \(pelab up -d TOPOLOGY"):
        labs.find(None)
    with claim(labs, "one"):
        assert labs.find(None).name == labs.find("one").name == "one"
        with claim(labs, "other"):
            with pytest.raises(ModelError, match=r"2 labs are up \(name one: one, other\)"):
                labs.find(None)
            with pytest.raises(ModelError, match="no lab named 'othr' is up .did you mean 'other'"):
                labs.find("othr")


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """An address of a socket ends at 107 bytes; a path does not."""
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with Registry(deep / "pelab") as labs, claim(labs, "n" * 63) as mine, mine.stand([]):
        labs.connect("n" * 63).close()


def test_a_lab_in_the_foreground_finds_a_free_name() -> None:
    """The topology's own first."""
    names = free_names("single_account")
    assert [next(names) for _ in range(3)] == ["single_account", "single_account-2", "single_account-3"]


def test_a_folder_that_vanishes_is_noticed(labs: Registry) -> None:
    """As at logout: the file can still be reached here, and nobody else finds it."""
    with claim(labs, "mine") as mine:
        assert mine.lookout()
        away = labs.path.rename(labs.path.with_name("away"))
        assert not mine.lookout()
        labs.path.mkdir()
        (labs.path / "mine.lab").touch()
        assert not mine.lookout()
        (labs.path / "mine.lab").unlink()
        labs.path.rmdir()
        away.rename(labs.path)


def test_who_reads_while_it_is_written_finds_a_document(labs: Registry) -> None:
    """A lab's words only ever replace each other whole."""
    with claim(labs, "mine") as mine:
        for hosts in (["a"] * 50, ["b"]):
            mine.stand(hosts).close()
            (labs.path / "mine.sock").unlink()
            found = labs.read("mine")
            assert found is not None
            assert found.hosts == hosts
    assert entries.NAME.fullmatch("mine")
