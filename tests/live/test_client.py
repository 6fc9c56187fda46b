"""``LiveLab`` works wherever it is used, brings up without any program, and its hosts are Mininet's."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import (
    Call,
    EnableServiceEndpoints,
    EnableVrf,
    Lab,
    Netlink,
    Outcome,
    Provision,
    Reboot,
    Scenario,
    Step,
    catalogue,
    topology,
)
from lab.errors import ModelError
from lab.model.world import World
from lab.play.runner import Mode, play

ROOT = Path(__file__).resolve().parents[2]
VSI = Call.private("vsi-1", "keys")
# what a bring-up in Mininet's way runs; covered, none of it can be run
MASK = """
for program in ip ifconfig route brctl sysctl nft iptables mnexec bash dash sh; do
    for place in $(command -v -a "$program"); do mount --bind /dev/null "$(readlink -f "$place")" 2>/dev/null; done
done
exec "$@"
"""
WITHOUT_PROGRAMS = """
from lab import Call, Lab, catalogue
with Lab(catalogue.load_topology("single_account", vsis=3), capture=False) as lab:
    print(lab.ask(Call.private("vsi-3", "keys")).outcome.value)
"""


@pytest.fixture(scope="module")
def world() -> World:
    """A ready account."""
    return catalogue.load_topology("single_account").world()


def test_a_lab_works_in_a_running_event_loop(world: World) -> None:
    """A notebook's cells run inside an event loop; the lab neither needs nor disturbs it."""

    async def cell() -> Outcome:
        with Lab(world, capture=False) as lab:
            return lab.ask(VSI).outcome

    assert asyncio.run(cell()) is Outcome.REACHED


def test_the_memory_backend_works_in_a_running_event_loop() -> None:
    """So does a play without a network."""

    async def cell() -> bool:
        return play(catalogue.load_scenario("private_only_lockout"), Mode.MEMORY).agreed

    assert asyncio.run(cell())


def test_changes_of_one_lab_come_one_at_a_time() -> None:
    """Eight threads provision at once; each instance exists afterwards, and answers."""
    world = catalogue.load_topology("single_account", instance=False).world()
    names = [f"keys-{number}" for number in range(8)]
    with Lab(world, capture=False) as lab, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: lab.act(Provision(instance=name, account="acme", region="us-south")), names))
        assert [measured.vacuous for measured in made] == [""] * 8


def test_a_route_on_a_host_does_not_stand_in_the_way_of_a_later_change() -> None:
    """The page's steps may come in any order: the route first, then VRF and service endpoints."""
    steps = (
        Step("route", Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65"), Outcome.DONE),
        Step("VRF", EnableVrf(account="acme"), Outcome.DONE),
        Step("service endpoints", EnableServiceEndpoints(account="acme"), Outcome.DONE),
        Step("served", VSI, Outcome.REACHED),
        Step("route gone", Netlink("vsi-1").route("del", dst="166.9.0.0/16"), Outcome.DONE),
        Step("another instance", Provision(instance="more", account="acme", region="us-south"), Outcome.DONE),
        Step("lost", VSI, Outcome.TIMED_OUT),
    )
    told = Scenario(name="order", topology=topology("single_account", vrf=False, private_route=False), steps=steps)
    report = play(told, Mode.LIVE)
    assert [step.why for step in report.steps if step.why] == []
    assert report.agreed


def test_labs_with_equal_addresses_live_side_by_side(world: World) -> None:
    """Eight labs of one world at once, from a pool of threads; each has its own keys and answers for itself."""

    def life(_: int) -> tuple[Outcome, str]:
        with Lab(world, capture=False) as lab:
            key = lab.host("vsi-1").run(["sh", "-c", "echo $IBMCLOUD_API_KEY; cat $SSL_CERT_FILE"]).stdout
            return lab.ask(VSI).outcome, key

    with ThreadPoolExecutor(8) as pool:
        lives = list(pool.map(life, range(8)))
    assert {outcome for outcome, _ in lives} == {Outcome.REACHED}
    assert len({key for _, key in lives}) == 8


def test_nothing_is_run_on_the_way_up() -> None:
    """With ip, ifconfig, sysctl, nft and every shell covered by nothing, a lab comes up and answers."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *mapped, "--mount", "--propagation", "private", "sh", "-c", MASK, "mask"]
    done = subprocess.run(
        [*command, sys.executable, "-c", WITHOUT_PROGRAMS],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "reached\n"), done.stderr


def up(*lines: str, folder: Path) -> str:
    """Return what Mininet's command line says to ``lines`` typed into a pipe by somebody in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "up", "single_account"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr  # Mininet talks on standard error


def test_the_command_line_is_mininets_own() -> None:
    """Hyphenated names, ``net[...]`` and shells work, a slip is told what is near; shells in hosts see their files."""
    told = up(
        "nodes",
        "vsi-1 cat /etc/resolv.conf",
        "py net['vsi-1'].cmd('ip -o route get 166.9.12.20')",
        "vsi-l ip route",
        "pingal",
        "exit",
        folder=ROOT,
    )
    assert "hosts: vsi-1 laptop\nthe lab's own, which are no part of what is described:\n" in told
    assert "witness-public    asks beside the public doors, as a proof\n" in told
    assert "nameserver 161.26.0.10" in told
    assert "*** no command and no host 'vsi-l'; did you mean 'vsi-1'?\n" in told
    assert "*** no command and no host 'pingal'; did you mean 'pingall'?\n" in told
    assert re.search(r"166\.9\.12\.20 via 10\.65\.0\.65 dev eth0", told)


def test_the_command_line_greets_and_stands_where_its_user_stands(tmp_path: Path) -> None:
    """Who comes in sees the hosts and what to try; relative paths are the user's own, in hosts and outside."""
    told = up("vsi-1 pwd", "sh pwd", folder=tmp_path)
    assert "*** hosts: vsi-1, laptop" in told
    assert "vsi-1 ip route" in told
    assert told.count(f"{tmp_path}\n") == 2


def test_leaving_a_hosts_shell_and_failing_commands_end_nothing(tmp_path: Path) -> None:
    """The next command gets a new shell; whatever a command raises is one line; only leaving leaves."""
    told = up("vsi-1 exit", "vsi-1 echo again", "switch s1", "x nobody", "laptop echo still", folder=tmp_path)
    assert "*** vsi-1: its shell has ended" in told
    assert "again" in told
    assert "*** x nobody: KeyError" in told
    assert "still" in told
    assert "Traceback" not in told
    assert "unreached" not in up("py exit()", "laptop echo unreached", folder=tmp_path)


def test_links_name_their_nodes_and_tell_what_went_down(tmp_path: Path) -> None:
    """Both ends with node and state, as the kernel has them now."""
    told = up("links", "link laptop internet down", "links", folder=tmp_path)
    assert told.count("laptop:eth0 <-> internet:h2 (OK OK)") == 1
    assert told.count("laptop:eth0 <-> internet:h2 (DOWN DOWN)") == 1


def test_ping_between_all_hosts_waits_once(tmp_path: Path) -> None:
    """Lost packets are waited for together, and only the user's hosts are asked."""
    told = up("pingall", folder=tmp_path)
    assert "vsi-1 -> laptop" in told
    assert "laptop -> X" in told
    assert "1 of 2 answered" in told


def test_a_reboot_ends_what_runs_on_the_host_and_nothing_else(world: World) -> None:
    """Programs of that host are killed, those of others go on; its links carry again, and it is reached."""
    with Lab(world, capture=False) as lab:
        here, there = (lab.host(name).start(["tail", "-f", "/dev/null"]) for name in ("vsi-1", "laptop"))
        done = lab.act(Reboot(host="vsi-1"))
        assert (done.outcome, done.vacuous) == (Outcome.DONE, "")
        assert here.wait(timeout_s=5) == -signal.SIGKILL
        with pytest.raises(subprocess.TimeoutExpired):
            there.wait(timeout_s=0.0)
        assert lab.ask(Call.private("vsi-1", "keys")).outcome is Outcome.REACHED
        there.signal(signal.SIGKILL)
        there.wait(timeout_s=5)


def test_a_route_that_the_kernel_refuses_is_measured_as_refused(world: World) -> None:
    """The kernel's own words are evidence, its table is as before, and the lab goes on."""
    with Lab(world, capture=False) as lab:
        found = lab.act(Netlink("vsi-1").route("replace", dst="166.9.0.0/16", gateway="10.65.0.129"))
        assert (found.outcome, found.cause, found.vacuous) == (Outcome.CONFLICT, "host.route-refused", "")
        assert [seen.kind for seen in found.evidence] == ["netlink", "read-back"]
        assert lab.ask(Call.private("vsi-1", "keys")).outcome is Outcome.REACHED


def test_a_lab_asked_for_what_is_not_there_tells_the_nearest(world: World) -> None:
    """A wrong name is the author's, told with its place and no traceback of another process; what was added counts."""
    with Lab(world, capture=False) as lab:
        with pytest.raises(ModelError, match=r"^call/by: no host named 'vsi1' \(did you mean 'vsi-1'\?\)$"):
            lab.ask(Call.private("vsi1", "keys"))
        with pytest.raises(ModelError, match=r"^call/instance: no instance named 'kees'.*'keys'"):
            lab.ask(Call.private("vsi-1", "kees"))
        with pytest.raises(ModelError, match="no account named 'acne'.*'acme'"):
            lab.act(EnableVrf(account="acne"))
        with pytest.raises(ModelError, match=r"a Call is no action \(a call is for ask"):
            lab.act(VSI)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=r"a EnableVrf is no call \(an action is for act"):
            lab.ask(EnableVrf(account="acme"))  # type: ignore[arg-type]
        lab.act(Provision(instance="second", account="acme", region="us-south"))
        assert lab.ask(Call.private("vsi-1", "second")).outcome is Outcome.BAD_REQUEST


def test_an_empty_pipe_ends_the_command_line() -> None:
    """``pelab up T < /dev/null`` comes up, finds nothing to do, and goes."""
    command = [sys.executable, "-m", "lab", "up", "single_account"]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=20, cwd=ROOT, check=False).returncode == 0


def test_an_unknown_host_is_told_before_anything_is_asked(world: World) -> None:
    """The nearest name is in the message."""
    with Lab(world, capture=False) as lab, pytest.raises(ModelError, match="no host named 'vsi1'.*'vsi-1'"):
        lab.host("vsi1")


def test_a_lab_is_made_of_a_topologys_name_and_parameters() -> None:
    """As a scenario says it: the catalogue finds it, its parameters count, and a wrong name is told at once."""
    with Lab(topology("single_account", vsis=2), capture=False) as lab:
        assert lab.ask(Call.private("vsi-2", "keys")).outcome is Outcome.REACHED
    with pytest.raises(ModelError, match="no topology named 'single_acount'"):
        Lab(topology("single_acount"))


def test_what_is_no_world_is_told_before_anything_is_brought_up() -> None:
    """A bare name is neither; the message says what names a topology."""
    with pytest.raises(ModelError, match=r"neither a world nor a topology \(such as topology\("):
        Lab("single_account")  # type: ignore[arg-type]


def test_a_program_is_a_list(world: World) -> None:
    """A text would be split into letters."""
    with Lab(world, capture=False) as lab, pytest.raises(TypeError, match=r"as a list: \['hostname'\]"):
        lab.host("vsi-1").run("hostname")


def test_hundreds_of_hosts_are_no_matter_of_principle() -> None:
    """A lab with more open files than ``select`` can count comes up and answers."""
    world = catalogue.load_topology("single_account", vsis=520).world()
    with Lab(world, capture=False) as lab:
        assert lab.ask(Call.private("vsi-520", "keys")).outcome is Outcome.REACHED
