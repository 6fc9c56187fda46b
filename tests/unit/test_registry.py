"""The registry of labs that stay: a name is one lab's, its folder one user's, and a dead lab is never taken for one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from lab import wire
from lab.errors import EnvironmentProblem, ModelError, TearDownFailed
from lab.live import entry as entries
from lab.live import registry as registries
from lab.live.claim import Claim
from lab.live.entry import Entry, begun, check_name, free_names
from lab.live.keeper import end
from lab.live.registry import Registry, Taken, place

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 300
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
    monkeypatch.setattr(registries, "held", lambda _: False)
    monkeypatch.setattr(registries, "hold", lambda _: None)
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


def test_a_free_name_is_a_name() -> None:
    """However long the topology's is: what stands behind takes the place of its end."""
    names = free_names("x" * 63)
    for name in [next(names) for _ in range(120)]:
        check_name(name)


def test_a_folder_that_vanishes_is_noticed(labs: Registry) -> None:
    """As at logout: the file can still be reached here, and nobody else finds it."""
    with claim(labs, "mine") as mine, mine.stand([]):
        assert mine.still_found()
        away = labs.path.rename(labs.path.with_name("away"))
        assert not mine.still_found()
        labs.path.mkdir()
        (labs.path / "mine.lab").touch()
        assert not mine.still_found()
        (labs.path / "mine.lab").unlink()
        labs.path.rmdir()
        away.rename(labs.path)


@pytest.mark.parametrize("removed", ["mine.sock", "mine.lab"])
def test_a_lab_that_lost_a_file_is_noticed(labs: Registry, removed: str) -> None:
    """Without its socket nobody can reach it, without its file nobody finds it; and it leaves nothing of the other."""
    with claim(labs, "mine") as mine, mine.stand([]):
        (labs.path / removed).unlink()
        assert not mine.still_found()
    assert list(labs.path.iterdir()) == []


def test_a_lab_whose_name_was_taken_over_leaves_it_alone(labs: Registry) -> None:
    """Its file was removed by hand and another lab begun: what stands there now is the other's."""
    first = claim(labs, "mine")
    first.stand([]).close()
    (labs.path / "mine.lab").unlink()
    with claim(labs, "mine") as second, second.stand(["laptop"]):
        assert not first.still_found()
        first.__exit__(None, None, None)
        assert labs.find("mine").hosts == ["laptop"]
        labs.connect("mine").close()


def test_both_files_are_shown_to_be_used(labs: Registry) -> None:
    """What nobody touched for days is cleaned from /tmp, the socket too."""
    with claim(labs, "mine") as mine, mine.stand([]):
        for path in labs.path.iterdir():
            os.utime(path, (1, 1))
        assert mine.still_found()
        assert min(path.stat().st_mtime for path in labs.path.iterdir()) > 1


def test_who_reads_while_it_is_written_finds_a_document(labs: Registry) -> None:
    """A lab's words only ever replace each other whole, whether they get longer or shorter."""
    with claim(labs, "mine") as mine, ThreadPoolExecutor(1) as pool:

        def speak() -> None:
            for hosts in [["a" * 30_000], ["b"]] * ROUNDS:
                mine.stand(hosts).close()
                (labs.path / "mine.sock").unlink()

        speaking = pool.submit(speak)
        while not speaking.done():
            assert labs.find("mine").topology == "single_account"
        speaking.result()
    assert entries.NAME.fullmatch("mine")


def test_a_dead_lab_is_never_seen_while_others_sweep_and_begin(labs: Registry) -> None:
    """Neither takes what it holds meanwhile for somebody who keeps a lab: no dead lab is up, and its name is free."""
    dead = json.dumps({"name": "left", "topology": "dead", "pid": 1, "standing": True})

    def begin() -> None:
        for _ in range(ROUNDS):
            claim(labs, "left").__exit__(None, None, None)
            put_down(labs.path / "left.lab", dead)

    def sweep() -> None:
        while not beginning.done():
            labs.clean()

    with ThreadPoolExecutor(2) as pool:
        beginning = pool.submit(begin)
        sweeping = pool.submit(sweep)
        while not beginning.done():
            assert [entry for entry in labs.labs() if entry.topology != "single_account"] == []
        beginning.result()
        sweeping.result()


def put_down(path: Path, text: str) -> None:
    """Put a whole file where nobody may see half of it."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_no_lab(labs: Registry, kind: str) -> None:
    """It is in no command's way; a lab of its name is told what stands there, and what to do."""
    path = labs.path / "x.lab"
    {"folder": path.mkdir, "link": lambda: path.symlink_to("y")}[kind]()
    with claim(labs, "mine"):
        assert labs.clean() == []
        assert [entry.name for entry in labs.labs()] == ["mine"]
    with pytest.raises(EnvironmentProblem, match=r"x.lab is none of a lab's files") as told:
        claim(labs, "x")
    assert told.value.fix == f"rm -r {path}"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is nobody's keeper."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("elsewhere", [True, False], ids=["in another pid namespace", "with a number of before"])
def test_a_stranger_is_never_ended_for_a_keeper(
    labs: Registry, stranger: subprocess.Popen[bytes], elsewhere: bool
) -> None:
    """Its number is in the file of a lab that is up: it lives on, and nobody is told that the lab is down."""
    with claim(labs, "mine") as mine:
        known = msgspec.structs.replace(mine.entry, pid=stranger.pid, pids=mine.entry.pids - elsewhere)
        put(labs, known)
        with pytest.raises(TearDownFailed, match="another pid namespace" if elsewhere else "is still there"):
            end(labs, labs.find("mine"))
        assert stranger.poll() is None
        assert [entry.name for entry in labs.labs()] == ["mine"]


def put(labs: Registry, entry: Entry) -> None:
    """Write a lab's file by hand."""
    (labs.path / f"{entry.name}.lab").write_bytes(wire.encode(entry))


def test_a_keeper_is_known_by_its_birth(labs: Registry) -> None:
    """Also when another process asks; ended, it is nobody's."""
    process = holder(labs, "kept")
    end(labs, labs.find("kept"))
    assert process.wait(5) == -signal.SIGTERM
    assert list(labs.path.iterdir()) == []
    process.communicate()
