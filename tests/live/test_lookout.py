"""The lookout: pyroute2's words in a host, its kernel against the world, what left it, and captures as files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyroute2.iproute.linux import AsyncIPRoute
from scapy.utils import rdpcap

from lab import Call, EnvironmentProblem, Lab, LiveError, ModelError, Netlink, Outcome, Policy, SetPolicy, topology
from lab.live.world import KERNEL_WORDS

VSI = Call.private("vsi-1", "keys")

UNPLANNED: list[tuple[str, dict[str, Any], str]] = [
    (
        "addr",
        {"index": "eth0", "address": "10.65.0.99", "prefixlen": 32},
        "unplanned address 10.65.0.99/32 dev eth0",
    ),
    (
        "neigh",
        {"ifindex": "eth0", "dst": "10.65.0.80", "lladdr": "02:00:00:00:00:80"},
        "unplanned permanent neighbour 10.65.0.80 lladdr 02:00:00:00:00:80 dev eth0",
    ),
    ("rule", {"priority": 90, "table": 9}, "unplanned rule 90: lookup 9"),
]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A ready account, with a capture whose canaries fly."""
    with Lab(topology("single_account")) as made:
        made.release_canaries()
        yield made


def test_every_word_is_pyroute2s() -> None:
    """A release of pyroute2 that leaves one out is noticed here, and not by a user."""
    assert [word for word in KERNEL_WORDS if not callable(getattr(AsyncIPRoute, word, None))] == []


def test_an_interface_that_goes_down_does_not_blind_the_capture(lab: Lab) -> None:
    """A tap says once that its interface went down; the capture lives on, and sees what comes when it is up again."""
    lab.tell("vsi-1", "link", "set", index="eth1", state="down")
    assert lab.ask(VSI).vacuous == ""
    lost = lab.ask(VSI.to(Call.public("vsi-1", "keys").operation))
    assert lost.vacuous == ""
    down = lab.left("vsi-1")
    assert (down.packets, down.blind) == ((), "")
    assert down.shown[1].detail == "1 of 1 canaries seen to leave; now nothing can: eth1: Network is down"
    lab.tell("vsi-1", "link", "set", index="eth1", state="up")
    lab.tell("vsi-1", "route", "add", dst="192.0.2.0/24", gateway="198.18.0.9")
    assert lab.ask(Call.public("vsi-1", "keys")).outcome is Outcome.REACHED
    assert lab.left("vsi-1").packets != ()


def test_an_interface_that_was_down_from_the_start_shows_nothing() -> None:
    """Where no canary could ever fly, nobody knows whether the capture sees."""
    with Lab(topology("single_account")) as made:
        made.tell("vsi-1", "link", "set", index="eth1", state="down")
        assert made.left("vsi-1").blind.startswith("the capture is blind at vsi-1:eth1: 0 of 0 canaries")


def test_a_kernel_is_compared_with_the_world_in_every_word(lab: Lab) -> None:
    """As described and after actions there is no difference; each other change is a line, until it is undone."""
    assert [lab.beyond(host) for host in lab.world.hosts] == [[], []]
    lab.act(Netlink("vsi-1").route("replace", dst="166.9.0.0/16", gateway="198.18.0.9"))
    lab.act(Netlink("vsi-1").route("add", dst="10.9.0.0/16", oif="eth0"))
    lab.act(Netlink("vsi-1").route("del", dst="default"))
    assert lab.beyond("vsi-1") == []
    for word, named, line in UNPLANNED:
        lab.tell("vsi-1", word, "add", **named)
        assert line in lab.beyond("vsi-1")
        lab.tell("vsi-1", word, "del", **named)
        assert lab.beyond("vsi-1") == []
    assert lab.host("vsi-1").run(["nft", "add", "table", "inet", "mine"]).returncode == 0
    assert lab.beyond("vsi-1") == ["unplanned table of filters inet mine"]
    assert lab.beyond("laptop") == []


def test_words_that_are_none_are_told_before_the_kernel_hears_them(lab: Lab) -> None:
    """The socket's own words are none for a host; names are told with the nearest."""
    with pytest.raises(ModelError, match=r"netlink/vsi-1: .* no word 'close' for a host"):
        lab.tell("vsi-1", "close")
    with pytest.raises(ModelError, match="no host named 'vsi1'"):
        lab.tell("vsi1", "link", "dump")
    with pytest.raises(ModelError, match="the kernel refuses: .*19, 'No such device'"):
        lab.tell("vsi-1", "link", "get", index=999)
    with pytest.raises(ModelError, match="illegal IP address"):
        lab.tell("vsi-1", "addr", "add", index="eth0", address="nonsense", prefixlen=8)
    assert lab.ask(VSI).outcome is Outcome.REACHED


def test_the_policy_is_the_owners_reading(lab: Lab) -> None:
    """Never set, then as set."""
    assert lab.policy("keys").policy is None
    lab.ask(SetPolicy(Policy.PRIVATE_ONLY, by=VSI))
    assert (lab.policy("keys").policy, lab.policy("keys").why) == (Policy.PRIVATE_ONLY, "")


def test_a_capture_becomes_a_file_of_what_came_since(lab: Lab, tmp_path: Path) -> None:
    """Scapy reads it, points are its interfaces; without a frame it is a file without frames; a full disk is told."""
    lab.ask(VSI)
    whole, empty = tmp_path / "whole.pcapng", tmp_path / "empty.pcapng"
    with whole.open("wb") as file:
        kept = lab.save(file.fileno())
    frames = rdpcap(str(whole))
    assert len(frames) == kept.frames > 20
    assert "vsi-1:eth0" in {frame.sniffed_on for frame in frames}
    with empty.open("wb") as file:
        assert lab.save(file.fileno(), since=time.time() + 60).frames == 0
    assert len(rdpcap(str(empty))) == 0
    with Path("/dev/full").open("wb") as file, pytest.raises(EnvironmentProblem, match="No space left on device"):
        lab.save(file.fileno())
    assert lab.ask(VSI).vacuous == "", "and the capture goes on"


def test_without_a_capture_nothing_is_concluded() -> None:
    """That nothing was seen by nobody is no news."""
    with Lab(topology("single_account"), capture=False) as made:
        made.release_canaries()
        assert made.left("vsi-1").blind == "this lab captures nothing"
        with Path("/dev/null").open("wb") as file, pytest.raises(LiveError, match="this lab captures nothing"):
            made.save(file.fileno())
