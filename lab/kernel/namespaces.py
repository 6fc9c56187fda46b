"""Namespaces, mounts and process attributes: the system calls that CPython 3.11 does not offer.

Every call acts on the calling *thread* (that is how the kernel sees it), except ``unshare(NEWUSER)`` and
``unshare(NEWPID)``, which concern the process and need it to have one thread. It makes no namespace of its own accord
and keeps none open; whoever asks for a descriptor owns it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

NEWNS: Final = 0x0002_0000
NEWUTS: Final = 0x0400_0000
NEWIPC: Final = 0x0800_0000
NEWUSER: Final = 0x1000_0000
NEWPID: Final = 0x2000_0000
NEWNET: Final = 0x4000_0000
CLONE_FS: Final = 0x0000_0200

RDONLY: Final = 1
NOSUID: Final = 2
NODEV: Final = 4
NOEXEC: Final = 8
REMOUNT: Final = 0x20
BIND: Final = 0x1000
REC: Final = 0x4000
PRIVATE: Final = 1 << 18
DETACH: Final = 2

_PR_SET_PDEATHSIG: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    """Raise the ``OSError`` of the failed ``call``, with its name in the text."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _bytes(text: str | None) -> bytes | None:
    """Encode ``text`` as a path is encoded; ``None`` stays ``None`` (a null pointer)."""
    return None if text is None else os.fsencode(text)


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags`` for new ones."""
    _check(_libc.unshare(flags), f"unshare({flags:#x})")


def setns(fd: int, flags: int) -> None:
    """Move this thread into the namespace behind ``fd``, which must be of the kind ``flags``."""
    _check(_libc.setns(fd, flags), f"setns({fd}, {flags:#x})")


def mount(source: str | None, target: str, fstype: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Attach ``source`` at ``target``, or with ``PRIVATE`` or ``REMOUNT`` change what is attached there."""
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(fstype), ctypes.c_ulong(flags), _bytes(data))
    _check(result, f"mount({target})")


def parent_death_signal(sig: int = signal.SIGKILL) -> None:
    """Have the kernel send ``sig`` to this process when the *thread* that forked it ends.

    Only right below a parent with one thread. A change of credentials or the execution of a set-uid program clears it.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def enter_user_namespace() -> None:
    """Enter a new user namespace in which the present uid and gid are 0.

    Needs one thread, and a process that executed its program as this user (after a bare ``setuid`` it is not dumpable
    and its maps belong to root). ``setgroups`` is denied first: without that, an ordinary user may not write a gid map.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        # closed by hand: a file object that is dropped loses the error of its write
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def current(kind: str) -> int:
    """Return a new descriptor of this thread's namespace of ``kind`` (``net``, ``mnt``, ``pid``, ``user`` ...)."""
    return os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Put this thread into the network namespace ``fd`` for the block; it comes home on every path."""
    home = current("net")
    try:
        setns(fd, NEWNET)
        try:
            yield
        finally:
            setns(home, NEWNET)
    finally:
        os.close(home)


def new_network(make: Callable[[], T]) -> tuple[int, T]:
    """Return the descriptor of a new network namespace and what ``make`` returned inside it.

    The thread comes home on every path; when ``make`` raises, the namespace is gone.
    """
    home = current("net")
    try:
        unshare(NEWNET)
        try:
            made = make()
            return current("net"), made
        finally:
            setns(home, NEWNET)
    finally:
        os.close(home)


def in_thread(fn: Callable[[], T]) -> T:
    """Return what ``fn`` returns in a fresh thread with a file-system state of its own.

    Such a thread may enter any network or mount namespace and needs no way home: its namespaces end with it.
    Whatever ``fn`` raises is raised here.
    """
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            # else setns(mount namespace) is EINVAL: the other threads share the state
            unshare(CLONE_FS)
            made.append(fn())
        except BaseException as error:  # noqa: BLE001 - handed over whole to the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="pelab inside", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def close_all_but(*keep: int) -> None:
    """Close every descriptor from 3 upwards except ``keep``.

    A fork inherits the descriptors of its parent: other people's sockets would never be seen to end.
    """
    first = 3
    for fd in sorted({fd for fd in keep if fd > 2}):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, 1 << 30)


def deaf(*signals: int) -> None:
    """Make this process deaf to ``signals``, but not the programs it will execute.

    A handler that does nothing is reset by ``exec``; ``SIG_IGN`` would be inherited by every program in every host,
    where Ctrl-C would then do nothing.
    """
    for number in signals:
        signal.signal(number, _nothing)


def _nothing(number: int, frame: object) -> None:
    """Handle a signal by doing nothing."""
