"""Tries, in a process of its own, each step that a lab is made of, and says how it went: a JSON line for each.

Run as ``python -m lab.live.tryout`` by ``preflight``. Everything it makes ends with it; it leaves out whatever cannot
follow a step that failed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Final, NoReturn

from lab.kernel import conntrack, messages, netlink, nflog, nftables, veth
from lab.kernel import expressions as nft
from lab.kernel import namespaces as ns
from lab.live import causes, sandbox

_TABLE: Final = "tryout"
_GROUP: Final = 5
_IN_CONTAINER: Final = "  # in a container: on the machine itself"


def main() -> NoReturn:
    """Try everything; the exit status says nothing."""
    if _step("namespaces of its own", sandbox.enter_nursery):
        if pid := os.fork():
            os.waitpid(pid, 0)
            os._exit(0)
        if _step("a /proc of its own", sandbox.settle_nursery):
            ns.unshare(ns.NEWPID)
            if pid := os.fork():
                os.waitpid(pid, 0)
                os._exit(0)
            if _step("a network of its own", sandbox.enter_lab) and _step("files of its own", _mount):
                _kernel()
    os._exit(0)


def _mount() -> None:
    """Mount what a lab mounts."""
    sandbox.mount_lab(())


def _kernel() -> None:
    """Try what the network is made of; each for itself."""
    _feature("veth", _pair, "sudo modprobe veth")
    _feature("bridge", _bridge, "sudo modprobe bridge")
    _feature("nf_tables", _filter, "sudo modprobe -a nf_tables nft_log nft_ct nft_reject_ipv4")
    _feature("drop events", lambda: nflog.open_group(_GROUP).close(), "sudo modprobe -a nfnetlink_log nf_log_syslog")
    _feature("connection tracking", _nat, "sudo modprobe -a nf_conntrack nf_conntrack_netlink nft_ct nft_nat")
    _feature("VRF device", _vrf, "sudo modprobe vrf")


def _pair() -> None:
    """Make a pair of interfaces across two network namespaces."""
    here = ns.current("net")
    there, _ = ns.new_network(lambda: None)
    ends = [
        veth.End(name=f"try{number}", index=10 + number, mac=f"02:00:00:00:00:0{number}", namespace=fd)
        for number, fd in enumerate((here, there))
    ]
    _send(veth.veth(*ends))


def _bridge() -> None:
    """Make a bridge."""
    _send(veth.bridge("try-br", 20))


def _filter() -> None:
    """Make a filter that drops, logs and rejects."""
    with netlink.open_socket(netlink.NETFILTER) as opened:
        made = [nftables.table(_TABLE), nftables.chain(_TABLE, "f", hook="prerouting", priority=-300)]
        made.append(nftables.rule(_TABLE, "f", nft.log(_GROUP, "try"), nft.DROP))
        made.append(nftables.chain(_TABLE, "r"))
        made.append(nftables.rule(_TABLE, "r", nft.reject("admin-prohibited")))
        nftables.transaction(opened, made)


def _nat() -> None:
    """Track connections in a zone, translate source addresses, and empty the table of connections."""
    from ipaddress import IPv4Address  # noqa: PLC0415 - one use

    with netlink.open_socket(netlink.NETFILTER) as opened:
        chain = nftables.chain(_TABLE, "n", hook="postrouting", priority=100, kind="nat")
        rule = nftables.rule(_TABLE, "n", nft.source_nat(IPv4Address("198.18.0.1")))
        raw = nftables.chain(_TABLE, "z", hook="prerouting", priority=-300)
        zone = nftables.rule(_TABLE, "z", nft.original_zone(1))
        nftables.transaction(opened, [nftables.table(_TABLE), raw, zone, chain, rule])
        conntrack.flush(opened)


def _vrf() -> None:
    """Make a VRF device."""
    info = messages.nested(IFLA_INFO_KIND="vrf", IFLA_INFO_DATA=messages.nested(IFLA_VRF_TABLE=10))
    _send(messages.link(netlink.CREATE | netlink.EXCL, 30, False, IFLA_IFNAME="try-vrf", IFLA_LINKINFO=info))


def _send(message: bytes) -> None:
    """Send one route message."""
    with netlink.open_socket() as opened:
        netlink.batch(opened, [message])


def _step(name: str, body: Callable[[], None]) -> bool:
    """Try a step that everything after it needs."""
    try:
        body()
    except OSError as error:
        problem = causes.explain(error)
        _say(name, False, problem.text, problem.fix)
        return False
    _say(name, True, "", "")
    return True


def _feature(name: str, body: Callable[[], None], fix: str) -> None:
    """Try a feature of the kernel."""
    try:
        body()
    except OSError as error:
        text = f"{type(error).__name__}: {error.strerror or error}"
        _say(name, False, text, f"{fix}{_IN_CONTAINER}")
    else:
        _say(name, True, "", "")


def _say(name: str, ok: bool, detail: str, fix: str) -> None:
    """Print how a step went; at once, because a fork follows."""
    print(json.dumps({"name": name, "ok": ok, "detail": detail, "fix": fix}), flush=True)


if __name__ == "__main__":
    main()
