"""Labs that stay: up and down by name, from any terminal, whatever happens to the one that began them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from lab import catalogue, wire
from lab.cli.main import main
from lab.live import attached, boot
from lab.live.keeper import Keep, Kept, Settled, detach
from lab.live.rope import ended
from tests.live.process_fixtures import users
from tests.live.staying import ROOT, Home, a_home, below, ending, titled
from tests.live.terminals import Terminal
from tests.live.waiting import PATIENCE_S, stop, until

pytestmark = pytest.mark.live
POLICY = "curl -sS -o /dev/null -w %{http_code} $PELAB_KMS_PRIVATE/api/v2/keys"


@pytest.fixture
def home() -> Iterator[Home]:
    """A runtime folder."""
    with a_home() as made:
        yield made


@pytest.fixture
def screens() -> Iterator[list[Terminal]]:
    """Two terminals."""
    made = [Terminal(), Terminal()]
    yield made
    for each in made:
        for fd in (each.master, each.slave):
            try:
                os.close(fd)
            except OSError:
                continue  # closed on the way


@pytest.mark.parametrize("user", users())
def test_a_lab_stays_until_it_is_taken_down(user: int | None) -> None:
    """As root and as an ordinary user: what one command changes the next one finds; `down` leaves nothing."""
    with a_home(user) as home:
        told = home.up("--name", "mine", "--set", "vsis=2")
        assert (told["name"], told["hosts"], told["detached"]) == ("mine", ["vsi-1", "vsi-2", "laptop"], True)
        assert home.pelab("exec", "vsi-1", "--", "ip", "route", "del", "166.9.0.0/16").returncode == 0
        assert "166.9" not in home.pelab("exec", "mine", "vsi-1", "--", "ip", "route").stdout
        assert home.pelab("exec", "vsi-2", "--", "sh", "-c", POLICY).stdout == "401"
        status = json.loads(home.pelab("status", "--json").stdout)
        assert [host["name"] for host in status["hosts"]] == told["hosts"]
        assert (status["services"], status["captured"], status["trouble"]) == (True, True, "")
        assert home.names() == ["mine"]
        listed = home.pelab("ls").stdout
        assert listed.startswith("mine  single_account --set vsis=2  since 2")
        with ending(told["pid"]):
            assert home.pelab("down").stdout == "mine is down\n"
        assert home.left() == []
        assert home.pelab("ls").stdout.startswith("no lab is up")


def test_the_pages_example_is_real(home: Home) -> None:
    """What docs/labs-that-stay.md shows is what is printed."""
    text = (ROOT / "docs/labs-that-stay.md").read_text()
    told = text.partition("```text\n")[2].partition("```")[0]
    for part in told.split("$ pelab ")[1:]:
        line, _, expected = part.partition("\n")
        assert home.pelab(*shlex.split(line)).stdout == expected, line


def test_a_lab_whose_services_have_ended_says_so(home: Home) -> None:
    """It is up, and its doors refuse everybody."""
    os.kill(titled(home.up()["pid"], "pelab cloud"), signal.SIGKILL)
    until(lambda: not json.loads(home.pelab("status", "--json").stdout)["services"], "the services have ended")
    assert "have ended: bring up another lab" in home.pelab("status").stdout


def test_leaving_the_command_line_leaves_nothing(home: Home) -> None:
    """Also in a pipe, and also when another terminal is in the lab: that one is told."""
    with home.start("up", "single_account", stdin=subprocess.PIPE) as lab:
        assert lab.stdin is not None
        until(lambda: home.left() == ["single_account.lab", "single_account.sock"], "the lab stands")
        with home.start("exec", "vsi-1", "--", "sh", "-c", "echo runs; exec sleep 1010") as inside:
            assert inside.stdout is not None
            assert inside.stdout.readline() == "runs\n"
            lab.stdin.write("exit\n")
            lab.stdin.flush()
            _, told = inside.communicate(timeout=PATIENCE_S)
        assert (inside.returncode, told) == (125, "error: the lab 'single_account' has ended: it was taken down\n")
        lab.communicate(timeout=PATIENCE_S)
    assert (lab.returncode, home.left()) == (0, [])


def test_it_survives_terminal_and_shell_that_started_it(home: Home, screens: list[Terminal]) -> None:
    """The terminal is closed and its shell has ended before anybody looks."""
    screen, _ = screens
    command = f"{sys.executable} -m lab up -d single_account; sleep 1000"
    shell = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", command],
        **home.options(stdin=screen.slave, stdout=screen.slave, stderr=screen.slave),
    )
    os.close(screen.slave)
    screen.until(b"pelab down single_account")
    os.close(screen.master)
    shell.wait(PATIENCE_S)
    assert home.pelab("exec", "vsi-1", "--", "hostname").stdout == "vsi-1\n"


def test_two_terminals_at_once(home: Home, screens: list[Terminal]) -> None:
    """Each has a shell of its own in the same lab; what one does the other sees; one is closed and the other stays."""
    home.up()
    shells = []
    for screen in screens:
        shells.append(home.on(screen, "shell", "vsi-1"))
        screen.until(b"vsi-1# ")
    one, other = screens
    one.say(b"ip route del 166.9.0.0/16; touch /run/seen\r", b"seen\r\nvsi-1# ")
    assert b"166.9" not in other.say(b"ls /run; ip route; echo end\r", b"\nend\r\n")
    os.close(one.master)
    shells[0].wait(PATIENCE_S)
    assert b"seen" in other.say(b"ls /run; echo $((6*7))\r", b"\n42\r\n")
    other.type(b"exit 3\r")
    assert shells[1].wait(PATIENCE_S) == 3


def test_a_lab_in_the_foreground_is_found_by_other_terminals(home: Home, screens: list[Terminal]) -> None:
    """It is named after its topology, the second with a number, and both end by `down` from elsewhere."""
    started = []
    for screen, name in zip(screens, (b"single_account", b"single_account-2"), strict=True):
        started.append(home.on(screen, "up", "single_account"))
        assert b"this lab is called " + name + b";" in screen.until(b"mininet> ")
    assert home.names() == ["single_account", "single_account-2"]
    assert home.pelab("exec", "single_account-2", "laptop", "--", "hostname").stdout == "laptop\n"
    assert home.pelab("down", "--all").returncode == 0
    assert [each.wait(PATIENCE_S) for each in started] == [128 + signal.SIGTERM] * 2
    assert home.left() == []


# ------------------------------------------------------------------ two labs of one name
def test_a_second_lab_of_one_name_is_told_how_to_go_on(home: Home) -> None:
    """One line, with the command that mends it; the first is unharmed."""
    home.up()
    again = home.pelab("up", "-d", "single_account")
    assert again.returncode == 2
    hint = "pelab down single_account, or another name: --name NAME"
    assert again.stderr == f"error: lab single_account: a lab of this name is up ({hint})\n"
    assert home.pelab("up", "single_account", "--name", "single_account").returncode == 2
    assert home.pelab("exec", "vsi-1", "--", "true").returncode == 0


def test_of_labs_of_one_name_begun_at_once_one_comes_up(home: Home) -> None:
    """Whoever comes first has the name; the others are told, and leave nothing."""
    racing = [home.start("up", "-d", "single_account") for _ in range(4)]
    for each in racing:
        each.communicate(timeout=PATIENCE_S)
    assert sorted(each.returncode for each in racing) == [0, 2, 2, 2]
    assert home.left() == ["single_account.lab", "single_account.sock"]


# ------------------------------------------------------------------ interrupted
@pytest.mark.parametrize("moment", ["", "busy.lab", "busy.sock"], ids=["keeper", "claimed", "standing"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_an_interrupted_up_leaves_nothing(home: Home, how: signal.Signals, moment: str) -> None:
    """By Ctrl-C or killed, before its keeper did anything, while the lab comes up, or just as it stands."""
    with home.start("up", "-d", "single_account", "--name", "busy", "--set", "vsis=60") as starting:
        until(lambda: len(below(starting.pid)) > 1, "its keeper is there")
        if moment:
            until(lambda: "busy.lab" in home.left(), "the name is taken")
            stop(starting.pid)  # else it may hear that the lab stands before it is interrupted
            until(lambda: moment in home.left(), f"{moment} is there")
        with ending(starting.pid):
            starting.send_signal(how)
            starting.send_signal(signal.SIGCONT)
            _, told = starting.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in told
    assert starting.returncode in {130, -how}
    until(lambda: home.left() == [], "nothing is left")
    home.up("--name", "busy")


@pytest.mark.parametrize("heard", [True, False])
def test_a_lab_of_which_nobody_heard_is_taken_back(home: Home, heard: bool) -> None:
    """It is this word that lets a lab stay: without it, the end of the conversation is the lab's, and with it not."""
    world = catalogue.load_topology("single_account").world()
    ours, theirs = wire.pair()
    with ours, theirs:
        keeper = subprocess.Popen(
            boot.command("lab.live.keeper", theirs.fileno()), pass_fds=[theirs.fileno()], cwd="/", process_group=0
        )
        theirs.close()
        wire.send(ours, Keep(registry=str(home.labs), name="new", topology="t", settings=[], world=world, shared=[]))
        assert wire.recv(ours, Kept)[0] is not None
        if heard:
            wire.send(ours, Settled())
    if heard:
        assert home.pelab("exec", "vsi-1", "--", "hostname").stdout == "vsi-1\n"
        keeper.terminate()
    assert keeper.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert home.left() == []


# ------------------------------------------------------------------ closed, killed, stale
def test_a_terminal_that_is_closed_in_the_middle_ends_its_shell_alone(home: Home, screens: list[Terminal]) -> None:
    """What ran in the foreground of the shell goes with it; the lab and everybody else in it do not notice."""
    home.up()
    screen, _ = screens
    shell = home.on(screen, "shell", "vsi-1")
    screen.until(b"vsi-1# ")
    screen.say(b"sleep 1007\r", b"1007\r\n")
    running = ["exec", "laptop", "--", "ps", "ax", "-o", "args="]
    until(lambda: "\nsleep 1007\n" in home.pelab(*running).stdout, "the program runs")
    os.close(screen.master)
    shell.wait(PATIENCE_S)
    until(lambda: "sleep 1007" not in home.pelab(*running).stdout, "the program has ended")
    assert json.loads(home.pelab("status", "--json").stdout)["programs"] == []


def test_what_a_command_leaves_in_the_background_stays(home: Home) -> None:
    """As the page says: the command has ended, and what it began goes on in the lab until that ends."""
    home.up()
    assert home.pelab("exec", "vsi-1", "--", "sh", "-c", "sleep 1009 >/dev/null 2>&1 &").returncode == 0
    assert "\nsleep 1009\n" in home.pelab("exec", "laptop", "--", "ps", "ax", "-o", "args=").stdout


def test_a_terminal_that_is_closed_on_mininets_command_line_takes_the_lab_down(
    home: Home, screens: list[Terminal]
) -> None:
    """A lab in the foreground is its terminal's; no file of it stays."""
    screen, _ = screens
    lab = home.on(screen, "up", "single_account")
    screen.until(b"mininet> ")
    with ending(lab.pid):
        os.close(screen.master)
        lab.wait(PATIENCE_S)
    assert home.left() == []
    home.up()


@pytest.mark.parametrize("killed", ["keeper", "pelab network", "pelab init", "pelab nursery"])
def test_a_lab_that_is_killed_under_a_running_exec_is_told(home: Home, killed: str) -> None:
    """The command ends with one clear line and 125; the next says what it finds, cleans it, and works."""
    keeper = home.up()["pid"]
    with home.start("exec", "vsi-1", "--", "sh", "-c", "echo runs; exec sleep 1008") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "runs\n"
        with ending(keeper):
            os.kill(keeper if killed == "keeper" else titled(keeper, killed), signal.SIGKILL)
            _, told = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 125
    assert told.startswith("error: the lab 'single_account' has ended: ")
    assert "Traceback" not in told
    following = home.pelab("ls")
    assert (following.returncode, following.stdout[:12]) == (0, "no lab is up")
    assert "the lab 'single_account' has ended: " in following.stderr
    assert "what it left is cleaned" in following.stderr
    assert home.left() == []
    assert home.pelab("ls").stderr == ""
    home.up()


def test_what_a_restart_left_is_told_cleaned_and_in_nobodys_way(home: Home) -> None:
    """A file of before, whose pid is another's now, and a socket on which nobody listens."""
    home.labs.mkdir(mode=0o700)
    before = {"name": "single_account", "pid": os.getpid(), "hosts": ["vsi-1"], "standing": True}
    (home.labs / "single_account.lab").write_text(json.dumps(before))
    (home.labs / "single_account.sock").touch()
    tried = home.pelab("exec", "vsi-1", "--", "true")
    assert tried.returncode == 125
    assert "it was killed, or the machine was restarted; what it left is cleaned" in tried.stderr
    assert "no lab is up (pelab up -d TOPOLOGY" in tried.stderr
    home.up()


def test_a_lab_that_hangs_says_so_and_can_be_taken_down(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for ever, and `down` needs no answer of it."""
    keeper = home.up()["pid"]
    monkeypatch.setattr(attached, "_PATIENCE_S", 0.2)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home.path))
    stop(titled(keeper, "pelab network"))
    assert main(["status"]) == 4
    assert "did not answer in time; pelab down single_account ends it" in capsys.readouterr().err
    with ending(keeper):
        assert main(["down"]) == 0
    assert home.left() == []


@pytest.mark.parametrize("lost", ["", "lost.lab", "lost.sock"], ids=["folder", "file", "socket"])
def test_a_lab_that_nobody_can_find_any_more_ends(home: Home, lost: str) -> None:
    """Its folder vanishes, as at logout, or a file of it: else it would stay, and nobody could come in or end it."""
    world = catalogue.load_topology("single_account").world()
    keep = Keep(registry=str(home.labs), name="lost", topology="t", settings=[], world=world, shared=[], pulse_s=0.05)
    keeper = os.pidfd_open(detach(keep).pid)
    try:
        assert not ended(keeper, 0.2)
        away = home.labs if lost else home.labs.rename(home.path / "away")
        if lost:
            (home.labs / lost).unlink()
        assert ended(keeper, PATIENCE_S)
        assert list(away.iterdir()) == []
    finally:
        os.close(keeper)


def test_in_another_pid_namespace_nobody_is_taken_for_the_keeper(home: Home) -> None:
    """As in a container with the folder mounted: what bears the keeper's number there lives on, and so does the lab."""
    pid = home.up()["pid"]
    # a command with the keeper's number, which the kernel gives next to the one that is written there
    script = (
        f"echo {pid - 1} > /proc/sys/kernel/ns_last_pid; sleep 60 & test $! = {pid} || exit 9; "
        f"{sys.executable} -m lab down; status=$?; kill $! || exit 8; "
        f"{sys.executable} -m lab exec vsi-1 -- hostname; exit $status"
    )
    alone = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else []), "--pid", "--fork", "--mount-proc"]
    options = home.options(capture_output=True, text=True, timeout=PATIENCE_S)
    done = subprocess.run([*alone, "sh", "-c", script], check=False, **options)
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: the lab 'single_account' is kept in another pid namespace")
    assert done.stdout == "vsi-1\n", "and it can be used"
    assert home.names() == ["single_account"]


# ------------------------------------------------------------------ what it captured
def test_a_capture_is_a_file_for_wireshark(one_lab: Home, tmp_path: Path) -> None:
    """Each frame with its time and the place where it passed; a file is replaced whole, a pipe gets it too."""
    one_lab.pelab("exec", "vsi-1", "--", "sh", "-c", POLICY)
    file = tmp_path / "lab.pcapng"
    file.write_text("of before")
    told = json.loads(one_lab.pelab("capture", "single_account", str(file), "--json").stdout)
    frames = rdpcap(str(file))
    assert told == {"file": str(file), "frames": len(frames), "lost": 0}
    assert {"vsi-1:eth0", "private-services:backbone"} & {frame.sniffed_on for frame in frames}
    assert all(isinstance(frame, Ether) for frame in frames)
    assert all(abs(time.time() - float(frame.time)) < 600 for frame in frames)
    assert list(tmp_path.iterdir()) == [file]
    options = one_lab.options(capture_output=True)
    piped = subprocess.run([sys.executable, "-m", "lab", "capture", "-"], check=False, **options)
    assert piped.stdout.startswith(b"\x0a\x0d\x0d\x0a")
    assert b" frames of single_account are on standard output" in piped.stderr


def test_a_capture_does_not_replace_what_is_no_file(one_lab: Home, tmp_path: Path) -> None:
    """A device or a pipe by name is written to; it stays what it is. A link's target is what is replaced."""
    before = Path("/dev/null").stat()
    assert one_lab.pelab("capture", "/dev/null").returncode == 0
    assert Path("/dev/null").stat().st_rdev == before.st_rdev
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert one_lab.pelab("capture", str(tmp_path / "link")).returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes().startswith(b"\x0a\x0d\x0d\x0a")


# ------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    "arguments,status,said",
    [
        pytest.param(["status", "single_acount"], 2, "did you mean 'single_account'?", id="misspelt-lab"),
        pytest.param(["exec", "vsi-9", "--", "id"], 125, "has no host 'vsi-9' (did you mean 'vsi-1'?)", id="host"),
        pytest.param(["shell", "single_account"], 125, "has no host 'single_account'", id="lab-without-host"),
        pytest.param(["exec", "vsi-1"], 125, 'behind "--"', id="no-command"),
        pytest.param(["exec", "vsi-1", "--", "no-such-program"], 125, "cannot be started", id="no-program"),
        pytest.param(["exec", "a", "b", "c", "--", "id"], 125, "expected [LAB] HOST", id="too-many-words"),
        pytest.param(["capture", "/nowhere/at/all"], 2, "there is no folder /nowhere/at", id="no-folder"),
        pytest.param(["capture", "single_account"], 2, "is a lab: pelab capture single_account FILE", id="no-file"),
        pytest.param(["down", "--all", "single_account"], 2, "not both", id="all-and-one"),
        pytest.param(["up", "-d", "single_account", "--name", "a/b"], 2, "is no name for a lab", id="no-name"),
        pytest.param(["up", "single_account", "--json"], 2, "pelab up -d --json", id="json-in-the-foreground"),
    ],
)
def test_bad_input_names_what_is_near(one_lab: Home, arguments: list[str], status: int, said: str) -> None:
    """One line with what was probably meant; the lab is as before."""
    done = one_lab.pelab(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert one_lab.names() == ["single_account"]


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Home]:
    """A runtime folder with one lab that is only looked at."""
    with a_home() as made:
        made.up()
        yield made


def test_a_folder_that_the_lab_does_not_have_is_said(one_lab: Home) -> None:
    """A lab has a /tmp of its own: standing somewhere else in silence would be worse."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        done = one_lab.pelab("exec", "vsi-1", "--", "pwd", cwd=folder)
    assert done.returncode == 125
    assert f"there is no folder {folder} in this lab, which has a /tmp of its own: cd elsewhere" in done.stderr


def test_several_labs_must_be_named(home: Home) -> None:
    """Nothing is guessed; `down` takes those that are named."""
    home.up("--name", "one")
    home.up("--name", "other")
    tried = home.pelab("exec", "vsi-1", "--", "true")
    assert (tried.returncode, tried.stderr) == (125, "error: lab: 2 labs are up (name one: one, other)\n")
    assert json.loads(home.pelab("down", "other", "--json").stdout) == {"down": ["other"]}
    assert home.names() == ["one"]


def completed(home: Home, line: str) -> subprocess.CompletedProcess[str]:
    """Ask as bash does for the last word of ``line``."""
    words = {"_PELAB_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    return home.pelab(env={**home.options()["env"], **words})


@pytest.mark.parametrize(
    "line,offers",
    [
        pytest.param("pelab exec sin", {"single_account"}, id="lab"),
        pytest.param("pelab exec vs", {"vsi-1"}, id="host-of-the-only-lab"),
        pytest.param("pelab shell single_account la", {"laptop"}, id="host-of-a-lab"),
        pytest.param("pelab exec single_account vsi-1 la", set(), id="nothing-more"),
        pytest.param("pelab exec vsi-1 -- la", set(), id="the-command-is-the-users"),
        pytest.param("pelab down s", {"single_account"}, id="down"),
        pytest.param("pelab status s", {"single_account"}, id="status"),
        pytest.param("pelab capture s", {"single_account"}, id="capture"),
    ],
)
def test_names_complete(one_lab: Home, line: str, offers: set[str]) -> None:
    """Labs and their hosts, where they can stand."""
    result = completed(one_lab, line)
    assert result.stderr == ""
    assert {offer.partition(",")[2] for offer in result.stdout.split()} == offers


def test_completion_survives_a_folder_that_is_not_private(home: Home) -> None:
    """It offers nothing, and prints nothing into somebody's command line."""
    home.labs.mkdir()
    home.labs.chmod(0o777)
    result = completed(home, "pelab down x")
    assert (result.stdout.strip(), result.stderr) == ("", "")
    refused = home.pelab("ls")
    assert refused.returncode == 3
    assert "is not this user's alone" in refused.stderr
    home.labs.chmod(0o700)
