"""Mininet's own words work on the fabric: its topologies, shells, changes of a running net, and ``mn`` itself."""

from __future__ import annotations

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

from lab.errors import BringUpFailed, LiveError
from lab.kernel import namespaces
from tests.live.private_place import processes

Run = Callable[..., Any]


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
    return [answers, processes(), threading.active_count()]


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
        found["before"] = [host.has_shell(), repr(host).split("pid=")[1][:4], processes()]
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
    found["after"] = [processes() <= 2, threading.active_count()]
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
    return [run.returncode, run.stdout, processes(), sorted(name for _, name in socket.if_nameindex())]


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
