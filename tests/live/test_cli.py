"""The commands on a live network: statuses, pipes, Ctrl-C, and the same verdicts for people and programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.terminals import Terminal

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def pelab(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``pelab`` as a user would in a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    "command,status",
    [
        pytest.param(["true"], 0, id="success"),
        pytest.param(["sh", "-c", "exit 7"], 7, id="failure"),
        pytest.param(["sh", "-c", "kill -9 $$"], 137, id="death-by-signal"),
        pytest.param(["no-such-program"], 125, id="no-such-program"),
    ],
)
def test_run_ends_with_the_commands_status(command: list[str], status: int) -> None:
    """The command owns the numbers; what never ran is 125."""
    assert pelab("run", "single_account", "vsi-1", "--", *command).returncode == status


def test_run_is_part_of_a_pipe() -> None:
    """Standard input, output and error are the command's, unchanged, and it stands in the caller's folder."""
    result = pelab(
        "run", "single_account", "vsi-1", "--", "sh", "-c", "cat; pwd; echo aside >&2", stdin="from outside\n"
    )
    assert (result.stdout, result.stderr) == (f"from outside\n{ROOT}\n", "aside\n")


def test_run_on_a_terminal_stands_in_the_callers_folder(tmp_path: Path) -> None:
    """As in a pipe: what is typed in a folder means the files in it."""
    screen = Terminal()
    client = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "lab", "run", "single_account", "vsi-1", "--", "pwd"],
        stdin=screen.slave, stdout=screen.slave, stderr=screen.slave,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert f"{tmp_path}\r\n".encode() in screen.until(f"{tmp_path}\r\n".encode())
        assert client.wait(PATIENCE_S) == 0
    finally:
        client.kill()
        client.wait()
        os.close(screen.slave)
        os.close(screen.master)


def test_run_is_in_the_host() -> None:
    """The command sees the host's interfaces, and none of the machine's."""
    program = "import json, socket; print(json.dumps([name for _, name in socket.if_nameindex()]))"
    shown = pelab("run", "single_account", "vsi-1", "--", "python", "-c", program).stdout
    assert sorted(json.loads(shown)) == ["eth0", "eth1", "lo"]


def test_interrupt_goes_to_the_command() -> None:
    """Ctrl-C is the command's to handle, and its status is told."""
    script = "trap 'exit 9' INT; echo ready; while :; do sleep 1 & wait $!; done"
    with subprocess.Popen(
        [sys.executable, "-m", "lab", "run", "single_account", "vsi-1", "--", "sh", "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 9


def test_play_tells_programs_what_it_tells_people() -> None:
    """Three voices agree at every step, each measured, in text and in JSON."""
    told = pelab("play", "private_only_lockout", "--live")
    document = json.loads(pelab("play", "private_only_lockout", "--live", "--json").stdout)
    assert told.returncode == 0, told.stdout + told.stderr
    assert document["agreed"] is True
    assert document["vrf_backend"] in told.stdout
    for step in document["steps"]:
        assert step["stated"] == step["predicted"] == step["measured"]
        assert step["text"] in told.stdout
        assert step["evidence"]


def test_matrix_measures_every_cell() -> None:
    """Predicted and measured stand side by side for each call of each host."""
    result = pelab("matrix", "single_account", "--live", "--set", "private_route=false", "--json")
    document = json.loads(result.stdout)
    assert result.returncode == 0
    assert {(cell["call"]["by"], cell["call"]["plane"]): cell["measured"] for cell in document["cells"]} == {
        ("vsi-1", "private"): "timed-out",
        ("vsi-1", "public"): "reached",
        ("laptop", "private"): "timed-out",
        ("laptop", "public"): "reached",
    }
