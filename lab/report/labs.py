"""Labs that stay, for people: the list of them, and one from near."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from lab.report.screen import labelled

if TYPE_CHECKING:
    from rich.console import Console

    from lab.live.entry import Entry
    from lab.live.world import State
    from lab.model.world import Instance


def show(screen: Console, found: Sequence[Entry]) -> None:
    """Print a line for each lab."""
    if not found:
        screen.print("no lab is up (pelab up -d TOPOLOGY brings one up)", style="dim")
    rows = [(entry.name, _topology(entry), _since(entry)) for entry in found]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for row in rows:
        screen.print("  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2])), soft_wrap=True)


def show_one(screen: Console, entry: Entry, state: State, changed: Iterable[str] = ()) -> None:
    """Print a lab: its hosts and instances, what runs in it, what is another than it was, whether it answers calls."""
    how = "detached" if entry.detached else "in the foreground"
    _rows(screen, "lab", [f"{entry.name}, {how}, kept by process {entry.pid}"])
    _rows(screen, "topology", [_topology(entry)])
    _rows(screen, "up since", [_since(entry).removeprefix("since ")])
    addresses = {
        host.name: ", ".join(f"{nic.name} {nic.address.ip} ({nic.plane.value})" for nic in host.nics)
        for host in state.world.hosts.values()
    }
    width = max(map(len, addresses), default=0)
    _rows(screen, "hosts", [f"{name:{width}}  {told}" for name, told in addresses.items()])
    instances = state.world.instances
    width = max(map(len, instances), default=0)
    _rows(screen, "instances", [f"{name:{width}}  {_instance(one)}" for name, one in instances.items()])
    _rows(screen, "VRF", [f"by {state.vrf_backend}"])
    _rows(screen, "services", ["answer" if state.services else "have ended: bring up another lab"])
    _rows(screen, "running", [f"{host}: {shlex.join(arguments)}" for host, arguments in state.programs])
    _rows(screen, "changed", changed)
    _rows(screen, "trouble", [state.trouble] if state.trouble else [])


def _instance(one: Instance) -> str:
    """Return where an instance is, whose, and in which state."""
    told = [one.region, f"account {one.account}"]
    told += ["deleted"] * one.deleted + ["not initialised"] * (not one.initialised)
    return ", ".join((*told, one.policy.value if one.policy is not None else "no policy set"))


def _rows(screen: Console, label: str, lines: Iterable[str]) -> None:
    for line in lines:
        labelled(screen, Text(f"{label:11}", style="dim"), Text(line))
        label = ""


def _topology(entry: Entry) -> str:
    return " ".join((entry.topology, *(f"--set {shlex.quote(setting)}" for setting in entry.settings)))


def _since(entry: Entry) -> str:
    if not entry.since:
        return ""  # its file says nothing
    coming = "" if entry.standing else "coming up "
    return f"{coming}since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(entry.since))}"
