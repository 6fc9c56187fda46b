"""Accounts with equal addresses at one edge: packets of each are tracked, translated and answered apart."""

from __future__ import annotations

import json
import select
import socket
import sys
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pytest

from lab import Call, Outcome, Policy, SetPolicy, catalogue
from lab.describe.placing import plan
from lab.describe.plan import BACKBONE, PRIVATE_SERVICES
from lab.errors import LiveError
from lab.kernel.conntrack import Ends
from lab.live.client import LiveLab
from lab.model.endpoint import iam, kms
from lab.model.plane import Plane
from lab.net.ground import Ground

SERVICE: Final = IPv4Address("166.9.12.20")
PORT, EQUAL = 9042, 40001
BUDGET_S: Final = 5.0
SDK = Path(sys.prefix) / "clients" / "keyprotect"
CLIENT = Path(__file__).with_name("keyprotect_client.py")
DIAL = """
import socket, sys
with socket.socket() as s:
    s.settimeout(5)
    print(s.connect_ex((sys.argv[1], 22)))
"""
"""Dials a host, and prints what came of it."""


def ready(opened: socket.socket) -> socket.socket:
    """Return a socket that has something to read."""
    assert select.select([opened], [], [], BUDGET_S)[0], "nothing came in time"
    return opened


def called(ground: Ground, listener: socket.socket, node: str, address: str) -> list[Any]:
    """Call from an equal port, and return what the door, the edge and the caller saw: source, source, answer."""
    client = ground.open_socket(node, socket.SOCK_STREAM)
    client.bind((address, EQUAL))
    client.connect_ex((str(SERVICE), PORT))
    server, seen = ready(listener).accept()
    server.sendall(node.encode())
    answer = ready(client).recv(64).decode()
    told = ground.onward(node, Ends(socket.IPPROTO_TCP, IPv4Address(address), EQUAL, SERVICE, PORT))
    KEPT.extend((client, server))  # they stand until all have called
    return [list(seen), None if told is None else [str(told.source), told.source_port], answer]


KEPT: list[socket.socket] = []


def at_once() -> list[list[Any]]:
    """Have three VSIs call one door at once from equal ports, two of them from equal addresses."""
    ground = Ground(plan(catalogue.load_topology("overlapping_accounts").world()))
    listener = ground.listener(PRIVATE_SERVICES, SERVICE, PORT, socket.SOCK_STREAM)
    callers = (("vsi-1", "10.240.0.4"), ("globex-vsi-1", "10.240.0.4"), ("globex-vsi-2", "10.240.0.68"))
    return [called(ground, listener, *caller) for caller in callers]


def test_equal_addresses_and_ports_are_served_at_once(sandboxed: Callable[..., Any]) -> None:
    """Each gets its own answer; the door sees each account by its own address, and the edge says by which port."""
    acme, globex, second = sandboxed(at_once)
    assert acme == [["166.11.0.1", EQUAL], ["166.11.0.1", EQUAL], "vsi-1"]
    assert globex == [["166.11.0.2", EQUAL], ["166.11.0.2", EQUAL], "globex-vsi-1"]
    seen, told, answer = second
    assert (seen, answer) == (told, "globex-vsi-2"), "the edge chose another port, and says so"
    assert seen[0] == "166.11.0.2"
    assert seen[1] != EQUAL


def unheard() -> list[Any]:
    """Ask the edge about what it sent on for nobody, and for another account."""
    ground = Ground(plan(catalogue.load_topology("overlapping_accounts").world()))
    listener = ground.listener(PRIVATE_SERVICES, SERVICE, PORT, socket.SOCK_STREAM)
    ends = Ends(socket.IPPROTO_TCP, IPv4Address("10.240.0.4"), EQUAL, SERVICE, PORT)
    before = ground.onward("vsi-1", ends)
    called(ground, listener, "globex-vsi-1", "10.240.0.4")
    return [before, ground.onward("vsi-1", ends), ground.onward("witness-edge", ends)]


def test_the_edge_tells_of_the_accounts_own_packets_only(sandboxed: Callable[..., Any]) -> None:
    """That a stranger of equal address and port went on says nothing of the caller."""
    assert sandboxed(unheard) == [None, None, None]


def mute() -> None:
    """Ask an edge whose kernel cannot be asked."""
    ground = Ground(plan(catalogue.load_topology("single_account").world()))
    ground.node(BACKBONE).netfilter.close()
    with pytest.raises(LiveError, match="^backbone: it does not say what it made of a connection: "):
        ground.onward("vsi-1", Ends(socket.IPPROTO_TCP, IPv4Address("10.65.0.66"), EQUAL, SERVICE, PORT))


def test_an_edge_that_cannot_be_asked_is_an_error(sandboxed: Callable[..., Any]) -> None:
    """Silence of the kernel is not taken for "sent nothing on"."""
    sandboxed(mute)


def test_a_strangers_address_is_nobodys_in_the_own_account() -> None:
    """To its neighbour it refuses the port; for a VSI of the other account nobody is there, with a route or without."""
    with LiveLab(catalogue.load_topology("overlapping_accounts"), capture=False) as lab:

        def dialled(by: str) -> str:
            return str(lab.host(by).run([sys.executable, "-c", DIAL, "10.240.0.68"]).stdout).strip()

        assert dialled("globex-vsi-1") == "111"
        assert dialled("vsi-1") == "113", "the edge refuses: the account's table has no such subnet"
        route = ["ip", "route", "add", "10.240.0.64/26", "via", "10.240.0.1"]
        assert lab.host("vsi-1").run(route).returncode == 0
        assert dialled("vsi-1") == "113"


def test_a_stolen_key_opens_the_private_door_from_a_strangers_network() -> None:
    """The network access policy asks which door, not whose network: what the scenario says of a thief with a VSI."""
    with LiveLab(catalogue.load_topology("overlapping_accounts"), capture=False) as lab:
        lock = SetPolicy(Policy.PRIVATE_ONLY, by=Call.private("vsi-1", "keys"))
        assert lab.ask(lock).outcome is Outcome.REACHED
        keys = lab.world.instances["keys"]
        stolen = str(lab.host("vsi-1").run(["printenv", "IBMCLOUD_API_KEY"]).stdout).strip()
        found = {"PYTHONPATH": str(SDK), "IBMCLOUD_API_KEY": stolen, "KP_INSTANCE_ID": keys.guid}

        def listed(by: str, plane: Plane) -> dict[str, object]:
            command = [sys.executable, str(CLIENT), "list", iam(plane).url]
            done = lab.host(by).run(command, env={**found, "KP_PRIVATE_ADDR": kms(keys, plane).url}, timeout_s=60)
            assert done.returncode == 0, done.stderr
            told: dict[str, object] = json.loads(done.stdout)
            return told

        assert listed("globex-laptop", Plane.PUBLIC).get("status") == 401
        assert listed("globex-vsi-1", Plane.PRIVATE) == {"keys": 0}
