"""``run``, ``exec`` and ``shell`` treat terminals, pipes, Ctrl-C, window size and exit status alike."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from tests.live.staying import Home, a_home
from tests.live.terminals import Terminal
from tests.live.waiting import PATIENCE_S

pytestmark = pytest.mark.live
WAYS = {"run": ["run", "single_account", "vsi-1", "--"], "exec": ["exec", "vsi-1", "--"]}


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A runtime folder with one lab."""
    with a_home() as made:
        made.up()
        yield made


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> list[str]:
    """The words before a command, for a lab of its own and for one that stays."""
    return WAYS[request.param]


@pytest.fixture
def screen() -> Iterator[Terminal]:
    """A terminal."""
    made = Terminal()
    yield made
    os.close(made.master)


@pytest.mark.parametrize(
    "command,status",
    [
        pytest.param(["true"], 0, id="success"),
        pytest.param(["sh", "-c", "exit 7"], 7, id="failure"),
        pytest.param(["sh", "-c", "kill -9 $$"], 137, id="death-by-signal"),
        pytest.param(["no-such-program"], 125, id="no-such-program"),
    ],
)
def test_the_status_is_the_commands(home: Home, way: list[str], command: list[str], status: int) -> None:
    """The command owns the numbers; what never ran is 125."""
    assert home.pelab(*way, *command).returncode == status


def test_in_a_pipe_it_is_part_of_the_pipe(home: Home, way: list[str]) -> None:
    """Input, output and error are the command's, unchanged, and options behind ``--`` are its own."""
    script = 'cat; pwd; echo "$@"; tty; echo aside >&2'
    done = home.pelab(*way, "sh", "-c", script, "sh", "--json", "--", "-d", stdin="from outside\n")
    told = f"from outside\n{home.options()['cwd']}\n--json -- -d\nnot a tty\n"
    assert (done.stdout, done.stderr) == (told, "aside\n")


def test_a_shell_in_a_pipe_reads_its_commands_there(home: Home) -> None:
    """Without a prompt in the output, and with the status of the last."""
    done = home.pelab("shell", "vsi-1", stdin="hostname\nexit 9\n")
    assert (done.returncode, done.stdout, done.stderr) == (9, "vsi-1\n", "")


def test_ctrl_c_in_a_pipe_is_the_commands(home: Home, way: list[str]) -> None:
    """It may handle it, and its status is told."""
    script = "trap 'exit 9' INT; echo ready; while :; do sleep 1 & wait $!; done"
    with home.start(*way, "sh", "-c", script, start_new_session=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 9


def test_when_its_reader_leaves_the_command_ends(home: Home, way: list[str]) -> None:
    """``... -- yes | head -1``: the command dies as in any pipe, and pelab with its status."""
    with home.start(*way, "yes") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "y\n"
        running.stdout.close()
        assert running.wait(PATIENCE_S) == 128 + signal.SIGPIPE


def test_on_a_terminal_it_has_a_terminal(home: Home, way: list[str], screen: Terminal) -> None:
    """Its size and that it changes, Ctrl-C as a key, and the status."""
    running = home.on(screen, *way, "bash", "--norc")
    screen.until(b"vsi-1# ")
    assert b"40 120" in screen.say(b"stty size\r", b"120\r\nvsi-1# ")
    ioctl(screen.master, TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    assert b"50 100" in screen.say(b"stty size\r", b"100\r\nvsi-1# ")
    screen.say(b"echo go; cat\r", b"\r\ngo\r\n")  # said after the shell gave the terminal back its modes
    screen.say(b"hello\r", b"hello\r\nhello\r\n")
    screen.say(b"\x03", b"vsi-1# ")
    assert b"status 130" in screen.say(b"echo status $?\r", b"0\r\nvsi-1# ")
    screen.type(b"exit 7\r")
    assert running.wait(PATIENCE_S) == 7


def test_errors_that_go_to_a_file_do_not_go_to_the_screen(
    home: Home, way: list[str], screen: Terminal, tmp_path: Path
) -> None:
    """On a terminal, too, ``2> FILE`` is what was said."""
    with (tmp_path / "errors").open("wb") as file:
        running = home.on(screen, *way, "sh", "-c", "echo shown; echo aside >&2", stderr=file)
        assert b"shown" in screen.until(b"shown\r\n")
        assert running.wait(PATIENCE_S) == 0
    assert (tmp_path / "errors").read_text() == "aside\n"


def test_half_a_terminal_is_a_pipe(home: Home, way: list[str], screen: Terminal, tmp_path: Path) -> None:
    """With its output in a file, the command reads from the terminal and the file gets what it says, byte for byte."""
    with (tmp_path / "output").open("wb") as file:
        running = home.on(screen, *way, "sh", "-c", "read line; echo $line", stdout=file)
        screen.type(b"typed\n")
        assert running.wait(PATIENCE_S) == 0
    assert (tmp_path / "output").read_text() == "typed\n"


def test_a_sigterm_gives_the_terminal_back(home: Home, way: list[str], screen: Terminal) -> None:
    """It is as before, and the command has ended."""
    running = home.on(screen, *way, "sh", "-c", "stty -echo; echo ready; exec sleep 1009")
    screen.until(b"ready\r\n")
    running.terminate()
    assert running.wait(PATIENCE_S) == 128 + signal.SIGTERM
    looked = home.pelab("exec", "vsi-1", "--", "ps", "ax", "-o", "args=").stdout
    assert "sleep 1009" not in looked
