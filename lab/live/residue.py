"""What a machine looks like, to see what a lab left behind: links, namespaces, mounts, processes, files, settings.

It only looks, in the namespaces it is called in, and repairs nothing: a lab leaves nothing because the kernel frees it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KINDS: Final = ("user", "pid", "mnt", "net", "ipc", "uts")
_FOLDERS: Final = ("/run", "/tmp", "/dev/shm")  # noqa: S108 - looked at, not written to
_SYSCTLS: Final = (
    "kernel/hostname",
    "net/ipv4/ip_forward",
    "net/ipv4/icmp_ratelimit",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv6/conf/all/disable_ipv6",
    "net/netfilter/nf_conntrack_max",
    "user/max_user_namespaces",
    "user/max_net_namespaces",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A machine at one moment: for each section (``links``, ``processes`` ...) the things that are there, as text."""

    sections: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two snapshots do not share."""

    section: str
    thing: str
    appeared: bool

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.section}: {self.thing} {'appeared' if self.appeared else 'is gone'}"


def snapshot() -> Snapshot:
    """Return what this machine looks like now, as far as this process may see it."""
    processes, namespaces = _processes()
    return Snapshot(
        {
            "links": frozenset(name for _, name in socket.if_nameindex()),
            "routes": _lines("/proc/self/net/route"),
            "mounts": frozenset(_mounts()),
            "processes": processes,
            "namespaces": namespaces,
            "files": frozenset(_files()),
            "sysctls": frozenset(_sysctls()),
        }
    )


def compare(before: Snapshot, after: Snapshot) -> tuple[Difference, ...]:
    """Return what appeared and what is gone between two snapshots, sorted."""
    found: list[Difference] = []
    for section, there in before.sections.items():
        now = after.sections[section]
        found += [Difference(section, thing, appeared=True) for thing in sorted(now - there)]
        found += [Difference(section, thing, appeared=False) for thing in sorted(there - now)]
    return tuple(found)


def _processes() -> tuple[frozenset[str], frozenset[str]]:
    """Return every process and every namespace that one lives in. Zombies are not counted: only a parent is missing."""
    processes: set[str] = set()
    namespaces: set[str] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            state, start = _state(folder)
            if state == "Z":
                continue
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            # the start time tells two processes of one pid apart; a title may change and is for reading only
            processes.add(f"{folder.name} (started {start}) {title or (folder / 'comm').read_text().strip()}")
            namespaces.update(str((folder / "ns" / kind).readlink()) for kind in _KINDS)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        except PermissionError:
            continue  # another user's: its namespaces are not ours to see
    return frozenset(processes), frozenset(namespaces)


def _state(folder: Path) -> tuple[str, str]:
    """Return a process's state letter and its start time."""
    # the name in parentheses may contain anything, so count from its end
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], fields[19]


def _mounts() -> Iterator[str]:
    """Yield each mount: where, of what kind, from what."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        kind, source, *_ = right.split()
        yield f"{left.split()[4]} {kind} {source}"


def _files() -> Iterator[str]:
    """Yield the entries of the folders in which programs leave things."""
    for folder in _FOLDERS:
        if Path(folder).is_dir():
            yield from (str(entry) for entry in Path(folder).iterdir())


def _sysctls() -> Iterator[str]:
    """Yield the settings that a network tool is tempted to change."""
    for name in _SYSCTLS:
        path = Path("/proc/sys", name)
        if path.exists():
            yield f"{name.replace('/', '.')} = {path.read_text(encoding='utf-8').strip()}"


def _lines(path: str) -> frozenset[str]:
    """Return the lines of a file of /proc."""
    return frozenset(Path(path).read_text(encoding="utf-8").splitlines())
