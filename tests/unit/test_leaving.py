"""Public packets: what counts as one, told from frames that scapy made; and a canary counts wherever it leaves."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6ND_RS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from lab.measure.capture import Answer, Capture, Frame, Leaving
from lab.measure.flow import Flow
from lab.measure.leaving import canary, public, token_in

PRIVATE_NAME = "private.iam.cloud.ibm.com"
NO_QUERY = "to a resolver, and no query that can be read"
WHOLE = slice(None)
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def query(name: str, *, flags: str = "", cut: slice = WHOLE) -> Any:
    """Return a query to the private resolver; ``cut`` is what goes of the datagram."""
    datagram = UDP(sport=40000, dport=53) / DNS(rd=1, qd=DNSQR(qname=name))
    packet = IP(dst="161.26.0.10", proto=17, flags=flags)
    return packet / (datagram if cut is WHOLE else bytes(datagram)[cut])


def over_tcp(*names: str, cut: slice = WHOLE) -> Any:
    """Return the same over TCP in one segment, each query with its length before it; ``cut`` is what goes of it."""
    messages = [bytes(DNS(rd=1, qd=DNSQR(qname=name))) for name in names]
    packet = IP(dst="161.26.0.10") / TCP(sport=40000, dport=53, flags="PA")
    return packet / b"".join(len(message).to_bytes(2, "big") + message for message in messages)[cut]


FRAMES = {
    "a service's private address": (IP(dst="166.9.12.20") / TCP(dport=9042), False, ""),
    "the backbone": (IP(dst="10.1.2.3") / ICMP(), False, ""),
    "a private name": (query(PRIVATE_NAME), False, ""),
    "a private name in capitals": (query(PRIVATE_NAME.upper()), False, ""),
    "a private name over TCP": (over_tcp(PRIVATE_NAME), False, ""),
    "private names over TCP": (over_tcp(PRIVATE_NAME, PRIVATE_NAME), False, ""),
    "a connection to the resolver": (IP(dst="161.26.0.10") / TCP(dport=53, flags="S"), False, ""),
    "ARP": (ARP(pdst="198.51.100.9"), True, ""),
    "neighbour discovery": (IPv6(dst="ff02::1:ff00:1") / ICMPv6ND_NS(), True, ""),
    "router discovery": (IPv6(dst="ff02::2") / ICMPv6ND_RS(), True, ""),
    "a neighbour that is asked anew": (IPv6(dst="fe80::1") / ICMPv6ND_NS(), True, ""),
    "neighbour discovery to elsewhere": (
        IPv6(dst="2001:4860:4860::8888", hlim=255) / ICMPv6ND_NS() / bytes(480),
        True,
        "to 2001:4860:4860::8888, by a ",
    ),
    "neighbour discovery that would be forwarded": (
        IPv6(dst="ff02::1:ff00:1", hlim=64) / ICMPv6ND_NS(),
        True,
        "to ff02::1:ff00:1, by a ",
    ),
    "an outside address": (IP(dst="192.0.2.20") / TCP(dport=443), False, "to 192.0.2.20, which is outside "),
    "an outside address behind a tag": (Dot1Q(vlan=7) / IP(dst="192.0.2.20"), False, "to 192.0.2.20, which is"),
    "a public NIC": (IP(dst="192.0.2.20") / TCP(dport=443), True, "to 192.0.2.20, by a public NIC"),
    "a private address by a public NIC": (IP(dst="166.9.12.20") / TCP(), True, "to 166.9.12.20, by a public NIC"),
    "IPv6": (IPv6(dst="2001:db8::1") / UDP(), False, "to 2001:db8::1, which is outside "),
    "a public name": (query("iam.cloud.ibm.com"), False, "asks for iam.cloud.ibm.com"),
    "a public name over TCP": (over_tcp("iam.cloud.ibm.com"), False, "asks for iam.cloud.ibm.com"),
    "a public name behind a private one": (over_tcp(PRIVATE_NAME, "evil.example.com"), False, "asks for evil.example"),
    "half a query behind a private one": (over_tcp(PRIVATE_NAME, "evil.example.com", cut=slice(-9)), False, NO_QUERY),
    "a byte behind a private name": (over_tcp(PRIVATE_NAME) / b"!", False, NO_QUERY),
    "nothing but a length": (over_tcp("evil.example.com", cut=slice(2)), False, NO_QUERY),
    "the rest of a query": (over_tcp("evil.example.com", cut=slice(2, None)), False, NO_QUERY),
    "the first piece of a query": (query("evil.example.com", flags="MF", cut=slice(8)), False, NO_QUERY),
    "less than a header": (query("evil.example.com", cut=slice(7)), False, NO_QUERY),
    "bytes behind a private name": (query(PRIVATE_NAME) / b"evil.example.com", False, NO_QUERY),
    "a query in no known form": (IP(dst="161.26.0.10") / UDP(dport=53) / b"?!", False, "to a resolver, and no query"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_a_frame_is_public_for_a_reason(case: str) -> None:
    """By its NIC, its address or the name that it asks for; what is private, and what finds neighbours, is not."""
    packet, by_public_nic, why = FRAMES[case]
    told = public(bytes(ETHER / packet), by_public_nic=by_public_nic, private_names=frozenset({PRIVATE_NAME}))
    assert told.startswith(why)
    assert bool(told) is bool(why)


@pytest.mark.parametrize("by_public_nic", [True, False])
def test_a_canary_is_a_public_packet_and_known_again(*, by_public_nic: bool) -> None:
    """What recognises public packets recognises it on any NIC, and scapy reads it; nobody's packet is taken for one."""
    frame = canary(b"0123456789abcdef")
    assert public(frame, by_public_nic=by_public_nic, private_names=frozenset())
    assert token_in(frame) == b"0123456789abcdef"
    assert Ether(frame)[UDP].payload.load == b"0123456789abcdef"
    assert token_in(bytes(ETHER / IP(dst="192.0.2.20") / UDP() / b"0123456789abcdef")) == b""


def left(*frames: Frame, room: int = 1 << 20, since: float = 10.0) -> Answer:
    """Return what a capture of a host says of the frames that left it."""
    capture = Capture(room=room)
    for frame in frames:
        capture._keep(frame)
    points = {"vsi-1:eth0": False, "vsi-1:eth1": True}
    return capture.leaving(Leaving(points=points, since=since, private_names=[PRIVATE_NAME], apart=[OURS]))


def passed(packet: Any, at: float = 11.0, point: str = "vsi-1:eth0", *, outgoing: bool = False) -> Frame:
    """Return a frame as it passed a point."""
    return Frame(at, point, bytes(packet if isinstance(packet, bytes) else ETHER / packet), outgoing)


OUTSIDE = IP(src="10.65.0.66", dst="192.0.2.20") / UDP(sport=40000, dport=9)
OURS = Flow(
    protocol=17,
    source=IPv4Address("10.65.0.66"),
    source_port=40001,
    destination=IPv4Address("192.0.2.20"),
    destination_port=9,
)
UNCOUNTED = {
    "coming in": passed(OUTSIDE, outgoing=True),
    "elsewhere": passed(OUTSIDE, point="laptop:eth0"),
    "before": passed(OUTSIDE, at=9.0),
    "the lab's own": passed(IP(src="10.65.0.66", dst="192.0.2.20") / UDP(sport=40001, dport=9)),
    "private": passed(IP(dst="166.9.12.20") / TCP()),
}


@pytest.mark.parametrize("case", UNCOUNTED)
def test_only_what_left_here_and_since_then_counts(case: str) -> None:
    """What came, what passed elsewhere or before, the lab's own proofs and private packets are no leak; others are."""
    (seen,) = left(UNCOUNTED[case], passed(OUTSIDE), passed(OUTSIDE, at=12.0)).seen
    assert (seen.point, seen.count, seen.first) == ("vsi-1:eth0", 2, 11.0)
    assert seen.summary.startswith("to 192.0.2.20, which is outside 10.0.0.0/8, ")
    assert left(UNCOUNTED[case]).seen == []


def test_canaries_are_told_apart_from_leaks_and_losses_are_counted() -> None:
    """In the order in which they left, whenever that was; what made room for newer frames is lost, and said."""
    canaries = [passed(canary(bytes([number] * 16)), at=number, point="vsi-1:eth1") for number in (8, 12)]
    answer = left(*canaries)
    assert (answer.seen, answer.canaries, answer.lost) == ([], {"vsi-1:eth1": [b"\x08" * 16, b"\x0c" * 16]}, 0)
    answer = left(*canaries, passed(IP(dst="10.0.0.1") / UDP() / bytes(2000), at=13.0), room=2500)
    assert answer.canaries.get("vsi-1:eth1") != [b"\x08" * 16, b"\x0c" * 16]
    assert left(*(passed(OUTSIDE, at=20.0 + number) for number in range(50)), room=2500).lost > 0


@pytest.mark.parametrize("length", range(60))
def test_a_frame_that_ends_early_is_no_trouble(length: int) -> None:
    """A frame cut short anywhere is judged by what is there."""
    for packet in (query("iam.cloud.ibm.com"), over_tcp("iam.cloud.ibm.com"), IPv6(dst="2001:db8::1") / UDP()):
        public(bytes(ETHER / packet)[:length], by_public_nic=False, private_names=frozenset())
