"""The fabric builds what a topology says, names what fails, and leaves nothing."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.errors import BringUpFailed
from lab.kernel import messages, namespaces
from tests.live.crowded import crowd
from tests.live.private_place import processes

Run = Callable[..., Any]


def _descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


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
    return [said, _descriptors() - before, processes()]


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
    return [len(plan), wrong, threading.active_count(), processes()]


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
    return [deaths, processes(), sorted(name for _, name in socket.if_nameindex())]


def test_killed_builder_leaves_nothing(sandboxed: Run) -> None:
    """Namespaces are held by descriptors only, and these die with the process."""
    assert sandboxed(killed) == [[-9] * 5, 1, ["lo"]]


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
    return [_descriptors() - before, threading.active_count(), processes()]


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
