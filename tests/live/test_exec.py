"""Programs in hosts behave as ``subprocess`` promises, on a terminal too, and see their host's files only."""

from __future__ import annotations

import gc
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from lab.errors import LiveError
from lab.live.channel import LabEnded
from lab.live.lab import Lab, Nursery
from lab.live.program import Program
from lab.live.protocol import Console, Done
from tests.live import process_fixtures
from tests.live.covered import PROJECT
from tests.live.process_fixtures import FURNISHING, processes_of
from tests.live.terminals import Terminal
from tests.live.waiting import until

pytestmark = pytest.mark.live

nursery = process_fixtures.nursery
two_hosts = process_fixtures.two_hosts

PATIENCE_S = 10.0


def test_a_program_gets_input_and_gives_output_and_status(two_hosts: Lab) -> None:
    """Standard output and error are kept apart."""
    done = two_hosts.host("left").run(["sh", "-c", "cat; echo problem >&2; exit 3"], input="hello")
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello", "problem\n")


def test_output_and_input_may_be_larger_than_a_pipe(two_hosts: Lab) -> None:
    """Neither side waits for the other for ever."""
    script = "import sys; said = sys.stdin.read(); sys.stderr.write(said); sys.stdout.write(said)"
    done = two_hosts.host("left").run(["python", "-c", script], input="x" * 3_000_000)
    assert (len(done.stdout), len(done.stderr)) == (3_000_000, 3_000_000)


def test_a_program_that_does_not_read_is_no_problem(two_hosts: Lab) -> None:
    """What it leaves unread is dropped."""
    assert two_hosts.host("left").run(["true"], input="x" * 3_000_000).returncode == 0


def test_a_death_by_signal_is_negative(two_hosts: Lab) -> None:
    """As in ``subprocess``."""
    assert two_hosts.host("left").run(["sh", "-c", "kill -TERM $$"]).returncode == -signal.SIGTERM


def test_check_raises_what_subprocess_raises(two_hosts: Lab) -> None:
    """So that code that runs programs here can be written as everywhere."""
    with pytest.raises(subprocess.CalledProcessError):
        two_hosts.host("left").run(["false"], check=True)


def test_time_is_up_for_the_whole_group(two_hosts: Lab) -> None:
    """A child of the program does not live on; what was killed is seen until it has been reaped."""
    left = two_hosts.host("left")
    with pytest.raises(subprocess.TimeoutExpired):
        left.run(["sh", "-c", "sleep 1001 & sleep 1002"], timeout_s=0.2)
    until(lambda: "sleep" not in left.run(["ps", "ax", "-o", "args="]).stdout, "nothing of it runs")


def test_a_program_that_never_stops_talking_has_a_time_out_too(two_hosts: Lab) -> None:
    """Its output does not put the end off."""
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        two_hosts.host("left").run(["sh", "-c", "while :; do echo talk; done"], timeout_s=0.2)
    assert time.monotonic() - began < PATIENCE_S


def test_a_program_that_is_dropped_keeps_no_file_open(two_hosts: Lab) -> None:
    """Whoever starts many and waits for none does not run out of descriptors."""
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        two_hosts.host("left").start(["true"])
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("arguments", [["no-such-program"], []])
def test_a_program_that_does_not_exist_is_an_error(two_hosts: Lab, arguments: list[str]) -> None:
    """It is never a status that could be read as an answer of the network."""
    with pytest.raises(LiveError, match=r"cannot be started|no program"):
        two_hosts.host("left").run(arguments)


def test_a_host_that_does_not_exist_is_an_error_with_a_hint(two_hosts: Lab) -> None:
    """The nearest name is said."""
    with pytest.raises(LiveError, match="did you mean 'left'"):
        two_hosts.host("lefty").run(["true"])


def test_a_daemon_does_not_hold_the_answer_and_dies_with_the_lab(nursery: Nursery) -> None:
    """It keeps the output pipe open, in a session of its own, and goes when the lab goes."""
    with nursery.lab(furnishing=FURNISHING) as lab:
        began = time.monotonic()
        done = lab.host("left").run(["sh", "-c", "setsid -f sleep 1003; echo done"])
        assert done.stdout == "done\n"
        assert time.monotonic() - began < PATIENCE_S
        # while a process turns into another program it shows no arguments, so look again
        seen = "until ps ax -o args= | grep -q '[s]leep 1003'; do :; done"
        assert lab.host("right").run(["sh", "-c", seen], timeout_s=PATIENCE_S).returncode == 0
    # among this nursery's own: other tests may run on the same machine
    listing = ["ps", "-o", "args=", "-p", ",".join(map(str, [os.getpid(), *processes_of(nursery)]))]
    assert "sleep 1003" not in subprocess.run(listing, capture_output=True, text=True, check=True).stdout


def test_a_signal_reaches_a_running_program(two_hosts: Lab) -> None:
    """Its trap runs; Ctrl-C is not dead in hosts, although the lab itself is deaf to it."""
    read, write = os.pipe()
    script = "trap 'echo trapped; exit 9' INT; echo ready; while :; do sleep 0.01; done"
    program = two_hosts.host("left").start(["bash", "-c", script], stdin=read, stdout=write, stderr=write)
    os.close(write)
    with os.fdopen(read, "rb") as output:
        assert output.readline() == b"ready\n"
        program.signal(signal.SIGINT)
        assert output.readline() == b"trapped\n"
    assert program.wait(PATIENCE_S) == 9


def test_hosts_have_their_own_files(two_hosts: Lab) -> None:
    """Names, resolver, /run, /sys and trust are the host's; /tmp is the lab's; the machine's files are untouched."""
    before = Path("/etc/hosts").read_text(encoding="utf-8")
    left, right = two_hosts.host("left"), two_hosts.host("right")
    assert left.run(["cat", "/etc/hostname"]).stdout == "left\n"
    assert left.run(["hostname"]).stdout == "left\n"
    assert right.run(["hostname"]).stdout == "right\n"
    assert "nameserver 161.26.0.10" in left.run(["cat", "/etc/resolv.conf"]).stdout
    assert left.run(["sh", "-c", 'cat "$SSL_CERT_FILE"']).stdout == "an authority\n"
    assert left.run(["ls", "/sys/class/net"]).stdout == "lo\n"
    assert (
        left.run(["sh", "-c", "echo $SIDE; touch /run/mine /tmp/ours; ls /run"]).stdout == "left\nhome\nmine\npelab\n"
    )
    assert right.run(["sh", "-c", "echo $SIDE; ls /run"]).stdout == "right\nhome\npelab\n"
    # the project itself is shown where it lies in /tmp
    assert {*right.run(["ls", "/tmp"]).stdout.split()} <= {"ours", *PROJECT.parts}
    assert not Path("/run/mine").exists()
    assert not Path("/tmp/ours").exists()
    assert Path("/etc/hosts").read_text(encoding="utf-8") == before


def test_a_session_brings_its_own_environment(two_hosts: Lab) -> None:
    """What is given goes over what the host has; nothing else of this process leaks in."""
    os.environ["PELAB_TEST_LEAK"] = "1"
    try:
        done = two_hosts.host("left").run(["env"], env={"SIDE": "mine", "MORE": "1"})
    finally:
        del os.environ["PELAB_TEST_LEAK"]
    assert {"SIDE=mine", "MORE=1"} <= set(done.stdout.splitlines())
    assert "PELAB_TEST_LEAK" not in done.stdout


def test_a_shared_folder_stays_visible(nursery: Nursery, tmp_path: Path) -> None:
    """A lab has its own /tmp, but a test's own folder in it can be shown."""
    (tmp_path / "client.txt").write_text("mine")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    with nursery.lab(furnishing=FURNISHING, shared=[str(tmp_path)]) as lab:
        assert lab.host("left").run(["cat", str(tmp_path / "client.txt")]).stdout == "mine"


def test_many_programs_run_at_once(two_hosts: Lab) -> None:
    """Each thread gets the answer to its own question."""

    def ask(number: int) -> str:
        return two_hosts.host(("left", "right")[number % 2]).run(["sh", "-c", f"echo {number} $SIDE"]).stdout

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert answers == [f"{number} {('left', 'right')[number % 2]}\n" for number in range(40)]


def test_a_lab_that_ends_ends_its_programs(nursery: Nursery) -> None:
    """Whoever waits for one is told."""
    lab = nursery.lab(furnishing=FURNISHING)
    program = lab.host("left").start(["sleep", "1004"])
    lab.close()
    with pytest.raises(LabEnded):
        program.wait(PATIENCE_S)


@pytest.fixture
def screen() -> Iterator[Terminal]:
    """A terminal that is nobody's yet."""
    made = Terminal()
    yield made
    for fd in (made.master, made.slave):
        try:
            os.close(fd)
        except OSError:
            continue  # the test closed it


def shell_on(lab: Lab, screen: Terminal) -> Program:
    """Start a shell in ``left`` on the terminal."""
    standard = (screen.slave, screen.slave, screen.slave)
    program = Program.start(
        lab.channel, "left", ["bash", "--norc", "-i"], standard, environment={"TERM": "dumb"}, terminal=True
    )
    os.close(screen.slave)
    screen.until(b"left# ")
    return program


def test_a_shell_has_a_terminal_with_job_control(two_hosts: Lab, screen: Terminal) -> None:
    """Size, Ctrl-C, Ctrl-Z, jobs and the exit status are as on any terminal."""
    program = shell_on(two_hosts, screen)
    assert b"40 120" in screen.say(b"stty size\n", b"left# ")
    screen.say(b"sleep 1005\n", b"1005\r\n")
    wait_for_foreground(two_hosts, "sleep 1005")
    screen.say(b"\x03", b"left# ")
    assert b"status 130" in screen.say(b"echo status $?\n", b"0\r\nleft# ")
    screen.say(b"sleep 1006\n", b"1006\r\n")
    wait_for_foreground(two_hosts, "sleep 1006")
    assert b"Stopped" in screen.say(b"\x1a", b"left# ")
    assert b"sleep 1006" in screen.say(b"jobs; kill -KILL %1\n", b"\nleft# ")
    # twice: at the first, bash may not have noticed yet that its stopped job is dead
    screen.type(b"exit 7\nexit 7\n")
    assert program.wait(PATIENCE_S) == 7


def wait_for_foreground(lab: Lab, arguments: str) -> None:
    """Wait until the shell has put this program into the foreground of its terminal."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        listing = lab.host("left").run(["ps", "ax", "-o", "stat=,args="]).stdout.splitlines()
        if any(line.split(maxsplit=1)[0].endswith("+") and arguments in line for line in listing):
            return
    pytest.fail(f"{arguments} never ran in the foreground")


def test_closing_the_terminal_hangs_the_shell_up(two_hosts: Lab, screen: Terminal) -> None:
    """As a lost connection does."""
    program = shell_on(two_hosts, screen)
    os.close(screen.master)
    assert program.wait(PATIENCE_S) in {-signal.SIGHUP, 128 + signal.SIGHUP, 0, 1}


def test_the_labs_command_line_runs_on_the_clients_terminal(two_hosts: Lab, screen: Terminal) -> None:
    """Ctrl-C is its own, requests are answered meanwhile, a second one works, and the lab lives on."""
    for _ in range(2):
        number = two_hosts.channel.begin(Console(), [screen.slave])
        screen.until(b"two-hosts> ")
        assert b"you said hello" in screen.say(b"hello\n", b"\r\ntwo-hosts> ")
        assert b"interrupted" in screen.interrupt(b"\r\ntwo-hosts> ")
        assert two_hosts.ping().pid == 2
        with pytest.raises(LiveError, match="open already"):
            two_hosts.ask(Console(), Done, [screen.slave])
        screen.type(b"exit\n")
        two_hosts.channel.receive(number, Done, timeout_s=PATIENCE_S)
    number = two_hosts.channel.begin(Console(), [screen.slave])
    os.close(screen.slave)
    screen.until(b"two-hosts> ")
    os.close(screen.master)
    two_hosts.channel.receive(number, Done, timeout_s=PATIENCE_S)
    assert two_hosts.ping().pid == 2


RELAYED = """
import sys, termios
from lab.live.lab import Nursery
nursery = Nursery.start()
lab = nursery.lab(furnishing="tests.live.two_hosts")
before = termios.tcgetattr(0)
status = lab.host("left").shell(env={"TERM": "dumb"})
lab.command_line()
print("same terminal:", before == termios.tcgetattr(0), "status:", status, flush=True)
lab.close()
nursery.close()
"""


def test_the_users_own_terminal_is_relayed_and_given_back(screen: Terminal) -> None:
    """Keys pass raw, the window's size follows, and the terminal is as before, which a shell in the lab never owned."""
    client = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", RELAYED],
        stdin=screen.slave,
        stdout=screen.slave,
        stderr=screen.slave,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        screen.until(b"left# ")
        assert b"40 120" in screen.say(b"stty size\r", b"120\r\nleft# ")
        assert b"left" in screen.say(b"tty >/dev/null && hostname\r", b"left\r\nleft# ")
        ioctl(screen.slave, TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        os.kill(client.pid, signal.SIGWINCH)
        assert b"50 100" in screen.say(b"stty size\r", b"100\r\nleft# ")
        screen.say(b"exit 5\r", b"two-hosts> ")
        screen.interrupt(b"\r\ntwo-hosts> ")
        assert b"same terminal: True status: 5" in screen.say(b"exit\r", b"status: 5\r\n")
        assert client.wait(PATIENCE_S) == 0
    finally:
        client.kill()
        client.wait()
