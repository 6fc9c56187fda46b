"""nftables rules, drop events and connection tracking do to packets what they say."""

from __future__ import annotations

import errno
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from lab.kernel import conntrack, messages, netlink, nflog
from lab.kernel import expressions as x
from lab.kernel import nftables as nft

SERVICE = IPv4Address("166.9.0.10")
SILENT, REFUSED, OPEN = (IPv4Address(f"127.0.0.{n}") for n in (9, 10, 11))


def _up() -> netlink.NetlinkSocket:
    """Raise the loopback; return a netfilter socket."""
    netlink.batch(netlink.open_socket(), [messages.link_up(1)])
    return netlink.open_socket(netlink.NETFILTER)


def _connect(address: IPv4Address, port: int) -> int:
    """Return the errno of an attempt that does not wait."""
    with socket.socket() as tried:
        tried.setblocking(False)
        tried.connect_ex((str(address), port))
        return tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def events() -> list[Any]:
    """Drop, reject and pass."""
    filters = _up()
    refused = x.in_set("refused", "ip daddr", "th dport")
    nft.transaction(filters, [
        nft.table("lab"),
        nft.chain("lab", "out", hook="output"),
        nft.named_set("lab", "refused", "ipv4_addr", "inet_service", number=1),
        *nft.elements("lab", "refused", [(REFUSED, 443)], "ipv4_addr", "inet_service"),
        nft.rule("lab", "out", x.destination(SILENT), x.TCP_SYN, x.COUNTER, x.log(5, "drop"), x.DROP, comment="drop"),
        nft.rule("lab", "out", refused, x.COUNTER, x.reject("admin-prohibited"), comment="no"),
    ])  # fmt: skip
    group, other = nflog.open_group(5), nflog.open_group(6)
    listener = socket.create_server((str(OPEN), 443))
    with socket.socket() as asked:
        asked.setblocking(False)
        asked.connect_ex((str(SILENT), 443))
        seen = list(nflog.waiting(group))
    answers = [_connect(REFUSED, 443), _connect(REFUSED, 444), _connect(OPEN, 443)]
    listener.close()
    counted = {c.comment: c.packets for c in nft.counters(filters, "lab")}
    where = [[e.prefix, str(IPv4Address(e.packet[16:20])), e.packet[22:24].hex()] for e in seen]
    return [where, list(nflog.waiting(other)), answers, counted]


def test_drop_is_an_event_and_a_reject_an_errno(sandboxed: Callable[..., Any]) -> None:
    """The event bears rule and packet, arrives in the group that the rule names, and counters bear the rule's name."""
    seen, other, answers, counted = sandboxed(events)
    assert [["drop", str(SILENT), "01bb"]] == seen
    assert other == []
    assert answers == [errno.EHOSTUNREACH, errno.ECONNREFUSED, 0]
    assert counted == {"drop": 1, "no": 1}


def flip() -> list[Any]:
    """Shut an address by one element, with a flow established before."""
    filters = _up()
    nft.transaction(filters, [
        nft.table("lab"),
        nft.chain("lab", "in", hook="input"),
        nft.named_set("lab", "shut", "ipv4_addr", number=1),
        nft.rule("lab", "in", x.ESTABLISHED, x.ACCEPT),
        nft.rule("lab", "in", x.destination("@shut"), x.DROP),
    ])  # fmt: skip
    with socket.create_server((str(OPEN), 443)) as listener, socket.create_connection((str(OPEN), 443)) as client:
        server = listener.accept()[0]
        nft.transaction(filters, nft.elements("lab", "shut", [OPEN], "ipv4_addr"))
        client.sendall(b"a")
        before = server.recv(1).decode()
        conntrack.flush(filters)
        client.sendall(b"b")
        try:
            after = server.recv(1, socket.MSG_DONTWAIT).decode()
        except BlockingIOError:
            after = "nothing"
        server.close()
    return [before, after]


def test_established_flow_survives_a_flip_until_it_is_forgotten(sandboxed: Callable[..., Any]) -> None:
    """The rule that lets established flows pass holds until connection tracking is flushed."""
    assert sandboxed(flip) == ["a", "nothing"]


def undone() -> list[Any]:
    """Commit a transaction with a wrong message, delete what is not there, and replace a table."""
    filters = _up()
    said = []
    one = [nft.table("lab"), nft.rule("lab", "missing", x.DROP), nft.table("other")]
    many = nft.elements("lab", "many", [IPv4Address(n) for n in range(2000)], "ipv4_addr")
    for wrong in (one, [nft.table("t"), nft.delete_table("u")]):
        try:
            nft.transaction(filters, wrong)
        except netlink.NetlinkError as error:
            said.append([error.errno, error.index])
    whole = [
        nft.table("lab"), nft.delete_table("lab"), nft.table("lab"), nft.chain("lab", "c", hook="forward"),
        nft.named_set("lab", "many", "ipv4_addr", number=1), *many,
        nft.rule("lab", "c", x.source("@many"), x.COUNTER, comment="c"),
    ]  # fmt: skip
    for _ in range(2):
        nft.transaction(filters, whole)
    return [said, [c.chain for c in nft.counters(filters)]]


def test_transaction_is_undone_as_a_whole(sandboxed: Callable[..., Any]) -> None:
    """What stood before the wrong message is not there either; a table is replaced without a moment without it."""
    said, chains = sandboxed(undone)
    assert said == [[errno.ENOENT, 1], [errno.ENOENT, 1]]
    assert chains == ["c"]


def listing() -> str:
    """Commit one rule of every shape and let ``nft`` read it."""
    filters = _up()
    prefix = IPv4Network("192.168.16.0/20")
    fwd = partial(nft.rule, "lab", "fwd")
    nft.transaction(filters, [
        nft.table("lab"),
        nft.chain("lab", "raw", hook="prerouting", priority=-300),
        nft.chain("lab", "fwd", hook="forward", priority=-5, policy="drop"),
        nft.chain("lab", "snat", hook="postrouting", priority=100, kind="nat"),
        nft.chain("lab", "sub"),
        nft.named_set("lab", "nics", "ifname", number=1),
        nft.named_set("lab", "ports", "inet_service", number=2),
        nft.named_set("lab", "flows", "ifname", "ipv4_addr", "inet_service", number=3),
        nft.named_set("lab", "nets", "ipv4_addr", number=4, intervals=True),
        *nft.elements("lab", "nics", ["acme0"], "ifname"),
        *nft.elements("lab", "ports", [443, 8080], "inet_service"),
        *nft.elements("lab", "flows", [("acme0", SERVICE, 443)], "ifname", "ipv4_addr", "inet_service"),
        *nft.elements("lab", "nets", [IPv4Network("10.0.0.0/8"), IPv4Network("255.0.0.0/8")], "ipv4_addr"),
        nft.rule("lab", "raw", x.iifname("acme0"), x.original_zone(3), x.set_mark(7), x.RESTORE_MARK),
        fwd(x.ESTABLISHED, x.ACCEPT, comment="established"),
        fwd(x.iifname("acme0"), x.oifname("@nics"), x.source(prefix), x.destination_port("tcp", 443), x.ACCEPT),
        fwd(x.iifname("b0", inverted=True), x.destination("@nets"), x.COUNTER, x.log(5, "edge"), x.DROP),
        fwd(x.TCP_SYN, x.in_set("flows", "iifname", "ip daddr", "th dport"), x.jump("sub")),
        fwd(x.icmp_type(8), x.reject("admin-prohibited")),
        fwd(x.destination_port("tcp", "@ports"), x.reject("tcp reset")),
        fwd(x.quoted_destination(prefix), x.DROP),
        nft.rule("lab", "snat", x.marked(7), x.SAVE_MARK, x.source_nat(IPv4Address("100.64.0.1"))),
    ])  # fmt: skip
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


LISTED = """\
type ifname
elements = { "acme0" }
elements = { 443, 8080 }
elements = { "acme0" . 166.9.0.10 . 443 }
elements = { 10.0.0.0/8, 255.0.0.0/8 }
iifname "acme0" ct original zone set 3 meta mark set 0x00000007 meta mark set ct mark
type filter hook forward priority filter - 5; policy drop;
ct state established,related accept comment "established"
iifname "acme0" oifname @nics ip saddr 192.168.16.0/20 tcp dport 443 accept
iifname != "b0" ip daddr @nets counter packets 0 bytes 0 log prefix "edge" group 5 snaplen 128 drop
tcp flags syn / syn,ack iifname . ip daddr . tcp dport @flows jump sub
icmp type echo-request reject with icmpx admin-prohibited
tcp dport @ports reject with tcp reset
meta mark 0x00000007 ct mark set meta mark snat ip to 100.64.0.1"""


def test_nft_reads_every_shape_as_it_is_meant(sandboxed: Callable[..., Any]) -> None:
    """An independent reader agrees on what the rules mean."""
    listed = sandboxed(listing)
    for line in LISTED.splitlines():
        assert line in listed
    assert "icmp type destination-unreachable" in listed


def descriptors() -> int:
    """Open and close what this package opens."""
    _up().close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for group in range(20):
        nflog.open_group(group).close()
    return len(list(Path("/proc/self/fd").iterdir())) - before


def test_groups_leave_no_descriptor(sandboxed: Callable[..., Any]) -> None:
    """What is opened is closed."""
    assert sandboxed(descriptors) == 0
