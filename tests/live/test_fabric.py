"""The fabric builds what a topology says, names what fails, and leaves nothing; Mininet's words work on it."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.errors import BringUpFailed, LiveError
from lab.kernel import messages, namespaces
from tests.live.crowded import crowd

Run = Callable[..., Any]


def _descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def _processes() -> int:
    """Return how many processes are in this sandbox."""
    return sum(entry.name.isdigit() for entry in Path("/proc").iterdir())


def accounts() -> list[Any]:
    """Ask for connections between everybody."""
    from lab.net.network import Network
    from tests.live import routed

    with Network(routed.Routed()) as net:
        listeners = [routed.serve(net["service"], a) for a in (routed.SERVICE, routed.PUBLIC)]
        listeners += [routed.serve(net["vsi-2"], routed.VSI_2)]
        asked: list[Any] = [
            routed.connect(net["vsi-1"], routed.SERVICE),
            routed.connect(net["vsi-2"], routed.SERVICE),
            routed.connect(net["vsi-1"], routed.PUBLIC),
            # one account to another: its table ends in an unreachable default, which the router says by ICMP
            routed.connect(net["vsi-1"], routed.VSI_2),
            routed.connect(net["vsi-1"], "10.99.0.1"),
        ]
        edge = net["edge"]
        way = messages.lookup(
            edge.socket,
            IPv4Address(routed.SERVICE),
            source=IPv4Address(routed.VSI_1),
            iif=edge.nameToIntf["vsi-1"].index,
        )
        asked += [way.table, edge.interface_name(way.index)]
        asked.append([i.name for i in net["vsi-1"].intfList()])
        for listener in listeners:
            listener.close()
        return asked


def test_provider_edge_keeps_accounts_apart(sandboxed: Run) -> None:
    """Both reach the service, by tables of their own; neither reaches the other."""
    unreachable = errno.EHOSTUNREACH
    *answers, table, name, interfaces = sandboxed(accounts)
    assert answers == [0, 0, 0, unreachable, unreachable]
    assert (table, name) == (1001, "svc")
    assert interfaces == ["eth0", "eth1"]


def settings() -> list[Any]:
    """Read settings of a host and a router."""
    from lab.net.network import Network
    from tests.live import routed

    names = ("ipv4/ip_forward", "ipv4/icmp_ratelimit", "ipv4/icmp_ratemask", "ipv4/conf/all/rp_filter")
    with Network(routed.Routed(sysctls={"net.ipv4.ip_default_ttl": 99})) as net:
        found = []
        for node in ("vsi-1", "edge"):
            with namespaces.inside(net[node].namespace):
                found.append([Path(f"/proc/sys/net/{name}").read_text().strip() for name in names])
                found[-1].append(Path("/proc/thread-self/net/if_inet6").read_text())
        with namespaces.inside(net["vsi-1"].namespace):
            found.append([Path("/proc/sys/net/ipv4/ip_default_ttl").read_text().strip()])
        return found


def test_hosts_do_not_forward_routers_answer_and_ipv6_is_off(sandboxed: Run) -> None:
    """Whatever the machine's own settings are."""
    host, router, own = sandboxed(settings)
    assert (host[0], host[3], host[4]) == ("0", "0", "")
    assert router == ["1", "0", "0", "0", ""]
    assert own == ["99"]


def wrong_route() -> list[Any]:
    """Bring up a topology with a gateway that nobody can reach."""
    from lab.net.network import Network
    from tests.live import routed

    before, said = _descriptors(), []
    wrong = {"dst": IPv4Network("166.9.0.0/16"), "gateway": IPv4Address("10.99.0.1")}
    net = Network(routed.Routed(routes=[wrong]))
    try:
        net.start()
    except BringUpFailed as failed:
        said.append(str(failed))
    return [said, _descriptors() - before, _processes()]


def test_failure_names_operation_and_kernels_words(sandboxed: Run) -> None:
    """And nothing of the net is left."""
    said, descriptors, processes = sandboxed(wrong_route)
    assert said == ["vsi-1: add route 166.9.0.0/16 via 10.99.0.1: Nexthop has invalid gateway"]
    assert (descriptors, processes) == (0, 1)


def every_stop() -> list[Any]:
    """Stop before each operation of the plan, one after the other."""
    from lab.net.fabric import Fabric
    from lab.net.network import Network
    from tests.live import routed

    announced: list[tuple[int, str]] = []
    fabric = Fabric(on_operation=lambda index, text: announced.append((index, text)), batch_size=1)
    net = Network(routed.Routed(), fabric=fabric)
    plan = fabric.plan()
    net.start()
    net.stop()
    assert announced == list(enumerate(plan)), "what is announced is what was planned"
    home, before, wrong = Path("/proc/thread-self/ns/net").stat().st_ino, _descriptors(), []
    for stop in range(len(plan) + 1):
        net = Network(routed.Routed(), fabric=Fabric(stop_after=stop, batch_size=1 + stop % 3))
        said = ""
        try:
            net.start()
        except BringUpFailed as failed:
            said = str(failed)
        net.stop()
        expected = f"stopped after {stop} operations, before: {plan[stop]}" if stop < len(plan) else ""
        if (said, _descriptors(), Path("/proc/thread-self/ns/net").stat().st_ino) != (expected, before, home):
            wrong.append([stop, said, _descriptors() - before])
    return [len(plan), wrong, threading.active_count(), _processes()]


def test_bring_up_can_be_stopped_at_every_operation(sandboxed: Run) -> None:
    """The stop names the next operation; no descriptor, thread or process stays, and the thread is at home."""
    operations, wrong, threads, processes = sandboxed(every_stop)
    assert operations > 40
    assert wrong == []
    assert (threads, processes) == (1, 1)


def killed() -> list[Any]:
    """Kill the process that builds, before some operations."""
    from lab.net.fabric import Fabric
    from lab.net.network import Network
    from tests.live import routed

    deaths = []
    for at in (0, 3, 8, 20, 40):
        child = os.fork()
        if not child:

            def die(index: int, _: str, at: int = at) -> None:
                if index == at:
                    os.kill(os.getpid(), 9)

            Network(routed.Routed(), fabric=Fabric(on_operation=die, batch_size=1)).start()
            os._exit(0)
        deaths.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return [deaths, _processes(), sorted(name for _, name in socket.if_nameindex())]


def test_killed_builder_leaves_nothing(sandboxed: Run) -> None:
    """Namespaces are held by descriptors only, and these die with the process."""
    assert sandboxed(killed) == [[-9] * 5, 1, ["lo"]]


def _echo(node: Any, targets: list[str], wait_s: float = 2.0) -> int:
    """Return how many of ``targets`` answer one ICMP echo each, all asked at once."""
    with namespaces.inside(node.namespace):
        asking = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with asking:
        packet = struct.pack("!BBHHH", 8, 0, 0, 7, 1)
        check = 0xFFFF ^ sum(struct.unpack("!4H", packet)) % 0xFFFF
        for target in targets:
            asking.sendto(struct.pack("!BBHHH", 8, 0, check, 7, 1), (target, 0))
        answered: set[str] = set()
        deadline = time.monotonic() + wait_s
        while len(answered) < len(targets) and select.select([asking], [], [], max(0, deadline - time.monotonic()))[0]:
            data, (sender, _) = asking.recvfrom(1 << 16)
            if data[20] == 0:
                answered.add(sender)
        return len(answered & set(targets))


def switched() -> list[Any]:
    """Ask everybody on one switch, as soon as start has returned."""
    from mininet.topo import LinearTopo, SingleSwitchTopo

    from lab.net.network import Network

    answers = []
    for topo, hosts in ((SingleSwitchTopo(25), 25), (LinearTopo(4, 2), 8)):
        with Network(topo) as net:
            addresses = [host.IP() for host in net.hosts]
            answered = [_echo(host, [a for a in addresses if a != host.IP()]) for host in net.hosts]
            answers.append([hosts * (hosts - 1), sum(answered)])
    return [answers, _processes(), threading.active_count()]


def test_stock_topologies_forward_when_start_returns(sandboxed: Run) -> None:
    """Not one packet is lost to a port that does not forward yet; no process runs for any of it."""
    answers, processes, threads = sandboxed(switched)
    assert all(pairs == answered for pairs, answered in answers)
    assert (processes, threads) == (1, 1)


def shell() -> dict[str, Any]:
    """Use a node's shell and processes in Mininet's ways."""
    from lab.net.network import Network
    from tests.live import routed

    found: dict[str, Any] = {}
    with Network(routed.Routed()) as net:
        host = net["vsi-1"]
        found["before"] = [host.has_shell(), repr(host).split("pid=")[1][:4], _processes()]
        host.cmd("cd /proc; HERE=kept")
        found["state"] = host.cmd("pwd; echo $HERE").split()
        found["sys"] = host.cmd("ls /sys/class/net").split()
        found["outside"] = sorted(entry.name for entry in Path("/sys/class/net").iterdir())
        private = Path("/run/private")
        private.mkdir()
        host.cmd(f"mount -t tmpfs private {private} && touch {private}/mine")
        found["mounts"] = [host.cmd(f"ls {private}").split(), list(map(str, private.iterdir()))]
        out, err, status = host.pexec(["sh", "-c", "cat /sys/class/net/eth0/operstate; exit 3"])
        found["pexec"] = [out, err, status]
        found["popen"] = net["vsi-2"].popen("ls /sys/class/net | sort", shell=True).communicate()[0].decode().split()
        began = time.monotonic()
        host.sendCmd("sh -c 'echo begun; exec sleep 30'")
        said = ""
        while "begun" not in said:  # a shell that is still reading the line would overhear it
            said += host.monitor()
        host.sendInt()
        host.waitOutput()
        found["interrupted"] = [host.cmd("echo $?").strip(), time.monotonic() - began < 5]
        host.environment = lambda: {**os.environ, "WHERE": "vsi"}
        found["environment"] = host.pexec("printenv WHERE")[0]
        found["shells"] = [host.has_shell(), net["vsi-2"].has_shell()]
        background = host.cmd("sleep 1000 & echo started").split()
        found["background"] = "started" in background
    found["after"] = [_processes() <= 2, threading.active_count()]
    return found


def test_shells_are_made_when_used_and_are_mininets(sandboxed: Run) -> None:
    """State between commands, own /sys and mounts, exit statuses, Ctrl-C."""
    found = sandboxed(shell)
    assert found["before"] == [False, "None", 1]
    assert found["state"] == ["/proc", "kept"]
    assert found["sys"] == ["eth0", "eth1", "lo"]
    assert "eth0" not in found["outside"] or len(found["outside"]) != 3
    assert found["mounts"] == [["mine"], []]
    assert found["pexec"] == ["up\n", "", 3]
    assert found["popen"] == ["eth0", "eth1", "lo"]
    assert found["interrupted"] == ["130", True]
    assert found["environment"] == "vsi\n"
    assert found["shells"] == [True, False]
    assert found["background"]
    assert found["after"] == [True, 1]


def changes() -> list[Any]:
    """Change a running net in Mininet's words."""
    from mininet.topo import SingleSwitchTopo

    from lab.net.network import Network

    with Network(SingleSwitchTopo(2)) as net:
        third = net.addHost("h3")
        net.addLink(third, net["s1"])
        third.configDefault(ip="10.0.0.3/8", mac=None)
        asked = [_echo(net["h1"], ["10.0.0.2", "10.0.0.3"])]
        net["h2"].setIP("10.0.0.9", 8)
        asked.append(_echo(net["h1"], ["10.0.0.2"], wait_s=0.3))
        asked.append(_echo(net["h1"], ["10.0.0.9"]))
        net.delLinkBetween(net["h2"], net["s1"])
        asked.append(_echo(net["h1"], ["10.0.0.9"], wait_s=0.3))
        names = third.cmd("ls /sys/class/net").split()
        addresses = [third.defaultIntf().updateIP(), net["h1"].defaultIntf().status()]
        try:
            third.add_route(IPv4Network("20.0.0.0/8"), gateway=IPv4Address("99.0.0.1"))
            net.fabric.flush()
        except BringUpFailed:
            late = "BringUpFailed"
        except LiveError as error:
            late = str(error)
        else:
            late = ""
        return [asked, names, addresses, late]


def test_running_net_can_be_changed(sandboxed: Run) -> None:
    """Hosts and links come and go, addresses change; what fails late is an error of the lab, not of its start."""
    asked, names, addresses, late = sandboxed(changes)
    assert asked == [2, 0, 1, 0]
    assert names == ["h3-eth0", "lo"]
    assert addresses == ["10.0.0.3", "OK"]
    assert late == "h3: add route 20.0.0.0/8 via 99.0.0.1: Nexthop has invalid gateway"


def again() -> list[Any]:
    """Start and stop nets, small and large, again and again."""
    from mininet.topo import SingleSwitchTopo

    from lab.net.network import Network

    before = _descriptors()
    for hosts in (2, 40, 2, 40):
        net = Network(SingleSwitchTopo(hosts))
        net.start()
        net["h1"].cmd("true")
        net.stop()
        net.stop()
    return [_descriptors() - before, threading.active_count(), _processes()]


def test_stopped_nets_leave_no_descriptor_thread_or_process(sandboxed: Run) -> None:
    """Stopping twice is stopping."""
    assert sandboxed(again) == [0, 1, 1]


def carriers(open_files: int) -> list[Any]:
    """Wait for links whose other end is raised meanwhile, and for one whose other end stays down."""
    from lab.net.carrier import await_carrier
    from lab.net.fabric import Fabric
    from lab.net.place import Port

    crowd(open_files)
    fabric = Fabric()
    a, b = fabric.place("a"), fabric.place("b")
    watched = []
    for number in range(10):
        ends = [
            Port(place=place, owner=place.name, name=f"e{number}", index=place.index(), mac=fabric.mac())
            for place in (a, b)
        ]
        fabric.add_link(*ends, carrier=False)
        watched.append((a, ends[0].index, str(ends[0])))
    fabric.flush()
    try:
        await_carrier(watched[:2], timeout_s=0.1)
    except OSError as error:
        said = error.strerror
    else:
        said = ""
    waiting = threading.Thread(target=await_carrier, args=(watched,))
    waiting.start()
    for _, index, _ in watched:
        b.send([messages.link_up(index)])
    waiting.join(3)
    waited = not waiting.is_alive()
    fabric.close()
    return [said, waited]


@pytest.mark.parametrize("open_files", [0, 1100])
def test_carrier_is_awaited_and_its_lack_named(sandboxed: Run, open_files: int) -> None:
    """Kernels that do not answer at once announce it; a link whose other end is down never carries."""
    assert sandboxed(carriers, open_files) == ["no carrier on a:e0, a:e1", True]


COMMANDS = """nodes
vsi-1 ip -br address show eth0
edge ip rule
vsi-1 echo service
links
py net["vsi-1"].intfNames()
exit
"""


def stock_mn() -> list[Any]:
    """Run stock ``mn`` on the topology's file."""
    from tests.live import routed
    from tests.live.covered import cover

    # when mn fails it cleans up by pattern in /tmp
    cover("/tmp")

    program = Path(sys.executable).parent / "mn"
    run = subprocess.run(
        [sys.executable, str(program), "--custom", routed.__file__, "--topo", "routed"],
        input=COMMANDS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd="/",
    )  # fmt: skip
    return [run.returncode, run.stdout, _processes(), sorted(name for _, name in socket.if_nameindex())]


def test_stock_mn_builds_the_same_net(sandboxed: Run) -> None:
    """``mn --custom FILE --topo NAME`` needs no program of Mininet's, and its CLI takes names with hyphens."""
    status, said, processes, links = sandboxed(stock_mn)
    assert status == 0, said
    assert "edge internet service vsi-1 vsi-2" in said
    assert "10.64.0.66/26" in said
    assert "from all iif vsi-1 lookup 1001" in said
    assert "166.9.0.10" in said
    assert said.count("(OK OK)") == 6
    assert "['eth0', 'eth1']" in said
    assert "Unknown command" not in said
    assert "Cleaning up" not in said
    assert (processes, links) == (1, ["lo"])


def two_threads() -> list[Any]:
    """Ask one node two questions from two threads, and configure it meanwhile."""
    from lab.net.network import Network
    from tests.live import routed

    sys.setswitchinterval(1e-6)
    wrong: list[str] = []
    with Network(routed.Routed()) as net:
        node, fabric = net["vsi-1"], net.fabric
        expected = {"166.9.0.10": IPv4Address("10.64.0.65"), "192.0.2.10": IPv4Address("198.18.0.9")}
        turns = threading.Barrier(3)

        def ask(address: str) -> None:
            turns.wait()
            for _ in range(1000):
                found = messages.lookup(node.socket, IPv4Address(address)).gateway
                if found != expected[address]:
                    wrong.append(f"{address} via {found}")

        def change() -> None:
            turns.wait()
            for number in range(300):
                node.add_route(IPv4Network((int(IPv4Address("203.0.0.0")) + number, 32)), interface="eth0")
                fabric.flush()

        threads = [threading.Thread(target=ask, args=[address]) for address in expected]
        threads.append(threading.Thread(target=change))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with namespaces.inside(node.namespace):
            shown = Path("/proc/thread-self/net/route").read_text().splitlines()
        return [wrong[:5], sum(line.split()[1].endswith("CB") for line in shown)]


def test_two_threads_get_their_own_answers(sandboxed: Run) -> None:
    """The loop and the command line ask one node at once: neither hears the other's answer, no change is lost."""
    assert sandboxed(two_threads) == [[], 300]
