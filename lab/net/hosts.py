"""What a host has of its own beside its network: files, mounts, a host name, and the environment of a session on it.

A host's mount namespace is made when the first program needs it and kept by descriptor. It starts no program
(``lab.live.exec`` does) and never changes a file of the machine: the host's files cover the machine's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lab.errors import LiveError, nearest
from lab.kernel import namespaces as ns

RUN: Final = Path("/run/pelab")
CA_FILE: Final = RUN / "ca.pem"
HOME: Final = Path("/run/home")

_FILES: Final = RUN / "hosts"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# where distributions keep the bundle of trusted authorities
_BUNDLES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_TRUST: Final = (
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """Descriptors of a host's namespaces: its network, its mounts, its host name."""

    network: int
    mounts: int
    names: int

    def enter(self) -> None:
        """Put this thread inside. It must have a file-system state of its own (``namespaces.in_thread``)."""
        ns.setns(self.network, ns.NEWNET)
        ns.setns(self.names, ns.NEWUTS)
        ns.setns(self.mounts, ns.NEWNS)


@dataclass(slots=True, kw_only=True)
class _Host:
    """One host: its network namespace, its part of the environment, and its namespaces once they are made."""

    network: int
    environment: Mapping[str, str] = field(default_factory=dict)
    namespaces: Namespaces | None = None


class Hosts:
    """Every host of the lab, by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self._hosts: dict[str, _Host] = {}

    def add(
        self,
        name: str,
        *,
        network: int,
        nameserver: IPv4Address | None = None,
        addresses: Mapping[str, IPv4Address] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Declare a host.

        Args:
            name: As in the world.
            network: Descriptor of its network namespace; not owned.
            nameserver: Whom its resolver asks; None: nobody, and names are unknown.
            addresses: Further lines of its ``/etc/hosts``.
            environment: What a session on it has, beside the trust in the lab's authority.
        """
        self._hosts[name] = _Host(network=network, environment=dict(environment or {}))
        folder = _FILES / name
        folder.mkdir(parents=True, exist_ok=True)
        label = _label(name)
        lines = {"localhost": IPv4Address("127.0.0.1"), label: IPv4Address("127.0.1.1"), **(addresses or {})}
        (folder / "hosts").write_text("".join(f"{address} {known}\n" for known, address in lines.items()))
        (folder / "hostname").write_text(f"{label}\n")
        self.resolve_with(name, nameserver)

    def resolve_with(self, name: str, nameserver: IPv4Address | None) -> None:
        """Have the host's programs ask ``nameserver``, running ones that read the file again included."""
        self._host(name)
        # two attempts of one second: a server that cannot be reached must not cost a program half a minute
        text = "options timeout:1 attempts:2\n" + (f"nameserver {nameserver}\n" if nameserver else "")
        (_FILES / name / "resolv.conf").write_text(text)

    def set_environment(self, name: str, environment: Mapping[str, str]) -> None:
        """Replace what sessions on the host have from now on; environment belongs to a session, not to a machine."""
        self._host(name).environment = dict(environment)

    def environment_of(self, name: str) -> dict[str, str]:
        """Return the environment of a new session on the host."""
        return {
            "PATH": PATH,
            "HOME": str(HOME),
            "USER": "root",
            "TERM": "dumb",
            "PS1": f"{name}# ",
            **dict.fromkeys(_TRUST, str(CA_FILE)),
            **self._host(name).environment,
        }

    def namespaces_of(self, name: str) -> Namespaces:
        """Return the descriptors of the host's namespaces, made now if this is the first time."""
        host = self._host(name)
        if host.namespaces is None:
            host.namespaces = ns.in_thread(lambda: _make(name, host.network))
        return host.namespaces

    def trust(self, pem: str) -> None:
        """Make ``pem`` the authorities that every host's programs trust, at the fixed path ``CA_FILE``."""
        # in place: hosts that are made already have the file, not its name, bound
        CA_FILE.write_text(pem)

    def close(self) -> None:
        """Give up the namespaces that were made; programs in them keep them."""
        for host in self._hosts.values():
            if host.namespaces is not None:
                os.close(host.namespaces.mounts)
                os.close(host.namespaces.names)
                host.namespaces = None

    def _host(self, name: str) -> _Host:
        """Return the host, or say which there are."""
        if (host := self._hosts.get(name)) is None:
            hint = nearest(name, self._hosts)
            raise LiveError(f"there is no host {name!r}" + (f" ({hint})" if hint else ""))
        return host


def _label(name: str) -> str:
    """Return the host name of ``name``, which may be a path by inclusion (``new/vsi-1``)."""
    return name.replace("/", "-")[:63]


def bind(fd: int, target: str) -> None:
    """Show what is behind ``fd`` (a file or a folder) at ``target``, which is made if it is missing."""
    place = Path(target)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(f"/proc/self/fd/{fd}").is_dir():
            place.mkdir()
        else:
            place.touch()
    ns.mount(f"/proc/self/fd/{fd}", target, flags=ns.BIND | ns.REC)


def _make(name: str, network: int) -> Namespaces:
    """Make a host's namespaces around this thread, which ends in them."""
    ns.unshare(ns.NEWNS | ns.NEWUTS)
    ns.setns(network, ns.NEWNET)
    with suppress(PermissionError):  # a container's filter of calls: `uname -n` is its name, /etc/hostname the host's
        socket.sethostname(_label(name))
    # opened before the host's /run covers the lab's
    files = {kind: os.open(_FILES / name / kind, os.O_PATH | os.O_CLOEXEC) for kind in _COVERS}
    authority = os.open(CA_FILE, os.O_PATH | os.O_CLOEXEC)
    try:
        # sockets in /run cross network namespaces: with the machine's, nscd would answer for this host
        ns.mount("pelab", "/run", "tmpfs", ns.NOSUID | ns.NODEV, "mode=755")
        HOME.mkdir(mode=0o700)
        _mount_sysfs()
        for kind, target in _COVERS.items():
            _cover(files[kind], target)
        bind(authority, str(CA_FILE))
        for bundle in _BUNDLES:
            _cover(authority, bundle)
    finally:
        for fd in (*files.values(), authority):
            os.close(fd)
    return Namespaces(network=network, mounts=ns.current("mnt"), names=ns.current("uts"))


_COVERS: Final = {"resolv.conf": "/etc/resolv.conf", "hosts": "/etc/hosts", "hostname": "/etc/hostname"}


def _cover(fd: int, target: str) -> None:
    """Cover the machine's file ``target``, links followed; what the machine does not have, the host does not need."""
    real = os.path.realpath(target)
    # a link into /run, as systemd-resolved makes it: /run is the host's, so the file can be made
    if real.startswith("/run/") or Path(real).exists():
        bind(fd, real)


def _mount_sysfs() -> None:
    """Show the host's own interfaces in /sys/class/net, read-only: root's /sys can do more than network."""
    try:
        ns.mount("sysfs", "/sys", "sysfs", ns.RDONLY | ns.NOSUID | ns.NODEV | ns.NOEXEC)
    except PermissionError:
        return  # a container masks parts of /sys: programs see its interfaces there, and nothing else differs
