"""The order in which namespaces are entered and file systems mounted: first the nursery's, then each lab's.

Proved step by step; another order is refused by the kernel or leaks. It forks nothing (``nursery`` and ``init`` do)
and knows no network.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab.kernel import namespaces as ns
from lab.net.hosts import CA_FILE, RUN, bind

_OWN: Final = ("/run", "/tmp", "/dev/shm")  # noqa: S108 - the lab's own, mounted here
_CAP_SYS_ADMIN: Final = 1 << 21


def may_administrate() -> bool:
    """Tell whether this process holds CAP_SYS_ADMIN, which root in a container often does not."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & _CAP_SYS_ADMIN)
    return False


def enter_nursery() -> None:
    """Enter the nursery's user namespace (an ordinary user only) and mount namespace; its next fork is a pid 1.

    One user namespace for the nursery, not one for each lab: setting a pid namespace back, which spares each lab a
    second fork, needs rights over the namespace's owner.
    """
    if not may_administrate():
        ns.enter_user_namespace()
    ns.unshare(ns.NEWPID | ns.NEWNS)


def settle_nursery() -> None:
    """Finish in the nursery's pid 1: no mount of ours reaches the machine, /proc shows this pid namespace.

    /proc can be mounted only by a process *inside* the new pid namespace. Every node of a lab costs two open files, so
    the nursery and its labs may have as many as the machine allows.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    ns.mount(None, "/", flags=ns.REC | ns.PRIVATE)
    ns.mount("proc", "/proc", "proc", ns.NOSUID | ns.NODEV | ns.NOEXEC)


def enter_lab() -> None:
    """Enter a lab's own mount, ipc, network and uts namespaces, in its pid 1."""
    ns.unshare(ns.NEWNS | ns.NEWIPC | ns.NEWNET | ns.NEWUTS)


def mount_lab(shared: Iterable[str]) -> None:
    """Mount what a lab has of its own: /proc, /run, /tmp, /dev/shm; ``shared`` folders inside those stay visible.

    Sockets by path name cross network namespaces, so the machine's /run (nscd, resolved, docker) must not be seen.
    """
    ns.mount(None, "/", flags=ns.REC | ns.PRIVATE)
    ns.mount("proc", "/proc", "proc", ns.NOSUID | ns.NODEV | ns.NOEXEC)
    # opened before they are covered, in this mount namespace: only such a mount may be bound
    kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in _covered(shared)]
    for target in _OWN:
        if Path(target).is_dir():
            mode = "mode=755" if target == "/run" else "mode=1777"
            ns.mount("pelab", target, "tmpfs", ns.NOSUID | ns.NODEV, mode)
    if not Path("/var/run").is_symlink() and Path("/var/run").is_dir():
        ns.mount("pelab", "/var/run", "tmpfs", ns.NOSUID | ns.NODEV, "mode=755")
    for path, fd in kept:
        bind(fd, path)
        os.close(fd)
    RUN.mkdir()
    CA_FILE.touch()


def _covered(paths: Iterable[str]) -> list[str]:
    """Return those of ``paths`` that the lab's own mounts would hide, outer folders first and each once."""
    real = sorted({os.path.realpath(path) for path in paths if os.path.exists(path)})  # noqa: PTH110 - text in, text out
    hidden = [path for path in real if any(path.startswith(f"{own}/") for own in _OWN)]
    return [path for path in hidden if not any(path.startswith(f"{outer}/") for outer in hidden)]
