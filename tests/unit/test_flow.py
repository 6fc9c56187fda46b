"""Flows are read from packets, and from what an ICMP error quotes."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP

from lab.measure.flow import flow_of


def test_a_tcp_packet_is_its_flow() -> None:
    """Addresses and ports, as scapy writes them."""
    packet = IP(src="10.0.0.2", dst="166.9.12.20") / TCP(sport=40000, dport=9042)
    assert str(flow_of(bytes(packet))) == "10.0.0.2:40000 > 166.9.12.20:9042 tcp"


def test_an_icmp_error_is_the_flow_that_it_quotes() -> None:
    """The notice of a lost packet is evidence about that packet, not about the router."""
    lost = IP(src="10.0.0.2", dst="166.9.12.20") / UDP(sport=40000, dport=53)
    notice = IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=3, code=1) / lost
    assert flow_of(bytes(notice)) == flow_of(bytes(lost))


def test_a_ping_has_no_ports() -> None:
    """Its flow is its two addresses."""
    assert str(flow_of(bytes(IP(src="10.0.0.2", dst="10.0.0.1") / ICMP()))) == "10.0.0.2:0 > 10.0.0.1:0 icmp"


def test_what_is_no_ipv4_packet_is_no_flow() -> None:
    """Short or foreign bytes are left alone."""
    assert flow_of(b"") is None
    assert flow_of(b"\x60" + bytes(39)) is None
