"""Stock ``mn`` starts the shipped topologies, and there, too, one route decides whether the service answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab import catalogue

ROOT = Path(__file__).resolve().parents[2]
# a failing mn cleans up by name: killall, rm in /tmp; private pid and mount namespaces and a /tmp of its own contain it
SANDBOX = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
COVERED = [sys.executable, str(Path(__file__).with_name("covered.py")), "/tmp", "/run", "--"]


def mn(topology: str, *commands: str) -> str:
    """Run stock mn with ``topology`` and return what its command line printed."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    file = f"topologies/{topology.partition(',')[0]}.py"
    start = [str(Path(sys.executable).with_name("mn")), "--custom", file, "--topo", topology]
    done = subprocess.run(
        [*SANDBOX[:1], *mapped, *SANDBOX[1:], *COVERED, *start],
        input="".join(f"{command}\n" for command in (*commands, "exit")),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "HOME": "/tmp", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_mn_starts_the_topology_and_one_route_decides() -> None:
    """Without the private route the service's address is silent; ``ip route add`` on the VSI makes it answer."""
    ping = "vsi-1 ping -c 1 -W 1 166.9.12.20"
    told = mn("single_account,private_route=false", ping, "vsi-1 ip route add 166.9.0.0/16 via 10.65.0.65", ping)
    assert re.findall(r"(\d+)% packet loss", told) == ["100", "0"], told


REACH = {
    "single_account": "vsi-1",
    "two_accounts": "globex-vsi-1",
    "hub_and_spoke": "spoke-2-vsi-2",
    "data_center": "inner-vsi",
    "overlapping_accounts": "globex-vsi-2",
}


def test_every_topology_is_started() -> None:
    """None is shipped that is not tried here."""
    assert set(REACH) == {entry.name for entry in catalogue.topologies(ROOT)}


@pytest.mark.parametrize("name", REACH)
def test_mn_starts_every_topology(name: str) -> None:
    """By its parts, through its appliances: the service's address answers a host in the last corner of it."""
    told = mn(name, f"{REACH[name]} ping -c 1 -W 1 166.9.12.20")
    assert re.findall(r"(\d+)% packet loss", told) == ["0"], told


def test_mn_has_the_appliances_firewall_and_the_end_of_the_direct_link() -> None:
    """What dies there dies under mn, too; the account's own network is open to either side."""
    pings = [f"{host} ping -c 1 -W 1 166.9.12.20" for host in ("inner-vsi", "mainframe", "test-machine")]
    told = mn("data_center,permits_services=no", *pings, "mainframe ping -c 1 -W 1 inner-vsi")
    assert re.findall(r"(\d+)% packet loss", told) == ["100", "100", "0", "0"], told


def test_mn_knows_the_nodes_of_the_plan() -> None:
    """Textual parameters arrive, and hyphenated names work in the stock command line."""
    told = mn("single_account,vsis=2,policy=private-only", "nodes", "vsi-2 ip -br address show dev eth0")
    assert "vsi-2" in told
    assert "10.65.0.130/26" in told


def test_mn_keeps_an_account_without_vrf_from_the_services() -> None:
    """The backbone's filters stand under mn, too."""
    told = mn("single_account,vrf=no", "vsi-1 ping -c 1 -W 1 166.9.12.20", "vsi-1 ping -c 1 -W 1 161.26.0.10")
    assert re.findall(r"(\d+)% packet loss", told) == ["100", "0"], told
