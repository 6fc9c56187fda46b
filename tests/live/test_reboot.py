"""A host that starts again is as its network configuration says, whatever programs and hands did to it before."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from lab import Call, Lab, Outcome, Reboot, catalogue

pytestmark = pytest.mark.live

VSI = Call.private("vsi-1", "keys")
DONE = (Outcome.DONE, "")
PATIENCE_S = 20.0


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab whose VSI has no private route."""
    with Lab(catalogue.load_topology("single_account", private_route=False).world()) as made:
        yield made


def rebooted(lab: Lab) -> tuple[Outcome, str]:
    """Reboot the VSI; return what was measured, and why that proves nothing."""
    done = lab.act(Reboot(host="vsi-1"))
    return done.outcome, done.vacuous


TOLD = {
    "tables": "ip route add blackhole 166.9.0.0/17; ip route add 166.9.0.0/16 dev lo table 77",
    "local-routes": "ip route add local 9.9.9.9 dev lo table local",
    "rules": "ip rule add to 166.9.0.0/16 lookup 77; ip rule add to 166.9.0.0/16 blackhole; ip rule del priority 0",
    "addresses": "ip addr add 10.9.9.9/32 dev lo; ip addr add 10.65.0.70/26 dev eth0; ip addr flush dev eth1",
    "links": "ip link add veth7 type veth peer name veth8; ip link set veth7 up",
    "bridge": "ip link add br7 type bridge; ip link set eth0 master br7; ip link set br7 up",
    "own-links": "ip link set eth0 mtu 600; ip link set eth1 arp off; tc qdisc add dev eth0 root pfifo limit 1",
    "filters": "nft add table inet mine; nft add chain inet mine out '{ type filter hook output priority 0; }';"
    "nft add rule inet mine out drop; nft add table ip other",
    "neighbours": "ip neigh add 10.65.0.65 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
    "settings": "sysctl -qw net.ipv4.ip_forward=1",
}


@pytest.mark.parametrize("told", TOLD)
def test_what_its_kernel_was_told_it_has_forgotten(lab: Lab, told: str) -> None:
    """Tables, rules, addresses, links, filters, neighbours: all of it is as in the configuration, and it works."""
    links = lab.host("vsi-1").run(["ip", "link"]).stdout
    done = lab.host("vsi-1").run(["sh", "-ec", TOLD[told]])
    assert done.returncode == 0, done
    assert lab.beyond("vsi-1") != []
    assert rebooted(lab) == DONE
    assert lab.beyond("vsi-1") == []
    assert lab.host("vsi-1").run(["ip", "link"]).stdout == links
    lost = lab.ask(VSI)
    assert (lost.cause, lost.vacuous) == ("internet.no-private-service", "")
    assert lab.ask(Call.public("vsi-1", "keys")).outcome is Outcome.REACHED


LOOP = "while :; do ip route replace 166.9.0.0/16 via 10.65.0.65 dev eth0; sleep .1; done"
DAEMONS = {
    "in-a-session-of-its-own": f"setsid -f sh -c '{LOOP}'",
    "that-stands-in-another-network": "setsid -f unshare -n sleep 1000",
    "that-stands-among-other-files": f"setsid -f unshare -m -u sh -c '{LOOP}'",
    "that-starts-itself-anew": "setsid -f sh -c 'again() { sleep .01; (again &) ; exit; }; again'",
}


@pytest.mark.parametrize("daemon", DAEMONS)
def test_no_process_outlives_it(lab: Lab, daemon: str) -> None:
    """What made itself a daemon ends as well, wherever it hides, and nothing does again what it did."""
    ours, theirs = os.pipe()
    try:
        started = lab.host("vsi-1").start(["sh", "-c", DAEMONS[daemon]], stdout=theirs)
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb") as alive:
        assert started.wait(PATIENCE_S) == 0
        assert rebooted(lab) == DONE
        # the end of the pipe is that of the last process that holds it
        assert select.select([alive], [], [], PATIENCE_S)[0]
        assert alive.read() == b""
    assert lab.beyond("vsi-1") == []
    assert lab.ask(VSI).cause == "internet.no-private-service"


def test_what_it_cannot_mend_proves_nothing(lab: Lab) -> None:
    """A host that does not start as described is told with what is different, and is no verdict."""
    lab.host("vsi-1").run(["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"], check=True)
    why = "vsi-1 did not start as described: missing link setting eth0: no forwarding"
    assert rebooted(lab) == (Outcome.DONE, why)
