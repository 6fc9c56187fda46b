"""Places of a fabric: one network namespace each, its rtnetlink socket, and what is queued to be done to it.

Opens and closes; the order of things is ``lab.net.fabric``'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.kernel.namespaces import inside, new_network
from lab.kernel.netlink import NetlinkSocket, batch, open_socket
from lab.kernel.veth import End

_FIRST_INDEX: Final = 100  # below stand lo and what tunnel modules put into every namespace

# What a namespace inherits depends on the machine (a router forwards, a distribution filters reverse paths); a lab's
# must not. IPv6 off: a way round that nobody modelled.
_SETTINGS: Final = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.proxy_arp": "0",
    "net.ipv4.conf.default.proxy_arp": "0",
    "net.ipv4.conf.all.ignore_routes_with_linkdown": "0",
    "net.ipv4.conf.default.ignore_routes_with_linkdown": "0",
    "net.bridge.bridge-nf-call-iptables": "0",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do to the kernel: a netlink message (made when its turn comes) or an act; ``text`` names it."""

    text: str
    message: Callable[[], bytes] | bytes | None = None
    act: Callable[[], None] | None = None


@dataclass(slots=True, eq=False)
class Place:
    """A network namespace of the fabric and the rtnetlink socket inside it; ``namespace`` is -1 until it is made."""

    name: str
    namespace: int = -1
    socket: NetlinkSocket | None = None
    queue: list[Operation] = field(default_factory=list)
    _next: int = _FIRST_INDEX
    _taken: set[int] = field(default_factory=set)

    def index(self, port: int | None = None) -> int:
        """Return the index of a new interface; those with ports are numbered in the order of their ports."""
        index = self._next if port is None else _FIRST_INDEX + port
        while index in self._taken:
            index = self._next = self._next + 1
        self._taken.add(index)
        return index

    def send(self, operations: Sequence[bytes]) -> None:
        """Send messages at once, past the queue; NetlinkError with the place of the one refused."""
        assert self.socket is not None, f"{self.name} has no namespace yet"
        batch(self.socket, operations)

    def open(self, settings: Mapping[str, str]) -> None:
        """Make the namespace, with ``settings`` for its sysctls."""

        def prepare() -> NetlinkSocket:
            for name, value in settings.items():
                write_sysctl(name, value)
            return open_socket()

        self.namespace, self.socket = new_network(prepare)

    def open_first(self) -> dict[str, str]:
        """Make the namespace with a lab's settings, and return those of them that are not the machine's own."""
        corrections: dict[str, str] = {}

        def prepare() -> NetlinkSocket:
            corrections.update(_correct())
            return open_socket()

        self.namespace, self.socket = new_network(prepare)
        return corrections

    def set(self, name: str, value: str) -> None:
        """Set a sysctl of the namespace."""
        with inside(self.namespace):
            write_sysctl(name, value)

    def correct(self) -> None:
        """Give the namespace a lab's settings again."""
        with inside(self.namespace):
            _correct()

    def close(self) -> None:
        """Let go of the namespace; the kernel frees it when no process is left in it."""
        if self.socket is not None:
            self.socket.close()
            os.close(self.namespace)
            self.socket, self.namespace = None, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One end of a link: where it is, how it is called, its index and MAC address, and the bridge that it joins."""

    place: Place
    owner: str
    name: str
    index: int
    mac: str
    master: int | None = None

    def end(self) -> End:
        """Return it as the kernel is told; the namespace must exist."""
        return End(name=self.name, index=self.index, mac=self.mac, namespace=self.place.namespace)

    def __str__(self) -> str:
        """As a plan says it."""
        return f"{self.owner}:{self.name}"


def _correct() -> dict[str, str]:
    """Set here what is otherwise than a lab has it, and return that."""
    wrong = {name: value for name, value in _SETTINGS.items() if read_sysctl(name) not in {value, None}}
    for name, value in wrong.items():
        write_sysctl(name, value)
    return wrong


def _path(name: str) -> str:
    """Return the file of a sysctl of the calling thread's network namespace (slashes where a part has a dot in it)."""
    return "/proc/sys/" + (name if "/" in name else name.replace(".", "/"))


def read_sysctl(name: str) -> str | None:
    """Return a sysctl's value here, or None where the kernel has no such thing."""
    try:
        with open(_path(name)) as file:  # noqa: PTH123 - a kernel's file, as short as it can be
            return file.read().strip()
    except FileNotFoundError:
        return None


def write_sysctl(name: str, value: str) -> None:
    """Set a sysctl here."""
    fd = os.open(_path(name), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
