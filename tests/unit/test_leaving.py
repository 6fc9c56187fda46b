"""Public packets: what counts as one, told from frames that scapy made; and a canary counts wherever it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from lab.measure.leaving import canary, public, token_in

PRIVATE_NAME = "private.iam.cloud.ibm.com"
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def query(name: str) -> Any:
    """Return a query to the private resolver."""
    return IP(dst="161.26.0.10") / UDP(sport=40000, dport=53) / DNS(rd=1, qd=DNSQR(qname=name))


def over_tcp(name: str) -> Any:
    """Return the same over TCP, its length before it."""
    message = bytes(DNS(rd=1, qd=DNSQR(qname=name)))
    packet = IP(dst="161.26.0.10") / TCP(sport=40000, dport=53, flags="PA")
    return packet / (len(message).to_bytes(2, "big") + message)


FRAMES = {
    "a service's private address": (IP(dst="166.9.12.20") / TCP(dport=9042), False, ""),
    "the backbone": (IP(dst="10.1.2.3") / ICMP(), False, ""),
    "a private name": (query(PRIVATE_NAME), False, ""),
    "a private name in capitals": (query(PRIVATE_NAME.upper()), False, ""),
    "a private name over TCP": (over_tcp(PRIVATE_NAME), False, ""),
    "a connection to the resolver": (IP(dst="161.26.0.10") / TCP(dport=53, flags="S"), False, ""),
    "ARP": (ARP(pdst="198.51.100.9"), True, ""),
    "neighbour discovery": (IPv6(dst="ff02::1:ff00:1") / ICMPv6ND_NS(), True, ""),
    "an outside address": (IP(dst="192.0.2.20") / TCP(dport=443), False, "to 192.0.2.20, which is outside "),
    "an outside address behind a tag": (Dot1Q(vlan=7) / IP(dst="192.0.2.20"), False, "to 192.0.2.20, which is"),
    "a public NIC": (IP(dst="192.0.2.20") / TCP(dport=443), True, "to 192.0.2.20, by a public NIC"),
    "a private address by a public NIC": (IP(dst="166.9.12.20") / TCP(), True, "to 166.9.12.20, by a public NIC"),
    "IPv6": (IPv6(dst="2001:db8::1") / UDP(), False, "to 2001:db8::1, which is outside "),
    "a public name": (query("iam.cloud.ibm.com"), False, "asks for iam.cloud.ibm.com"),
    "a public name over TCP": (over_tcp("iam.cloud.ibm.com"), False, "asks for iam.cloud.ibm.com"),
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


@pytest.mark.parametrize("length", range(60))
def test_a_frame_that_ends_early_is_no_trouble(length: int) -> None:
    """A frame cut short anywhere is judged by what is there."""
    for packet in (query("iam.cloud.ibm.com"), over_tcp("iam.cloud.ibm.com"), IPv6(dst="2001:db8::1") / UDP()):
        public(bytes(ETHER / packet)[:length], by_public_nic=False, private_names=frozenset())
