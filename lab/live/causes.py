"""Which setting of the machine is behind a refused system call, and the command that mends it.

It reads settings and never changes one. What the machine can do before anything is refused is ``preflight``'s part.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

from lab.errors import EnvironmentProblem
from lab.kernel.limits import open_files

_CLONE: Final = "kernel/unprivileged_userns_clone"
_APPARMOR: Final = "kernel/apparmor_restrict_unprivileged_userns"
_PROFILE: Final = "/etc/apparmor.d/pelab"
_KINDS: Final = ("user", "pid", "mnt", "net", "ipc", "uts")
_CONTAINER: Final = (
    "run on the machine itself, or give the container what it withholds: podman run --security-opt unmask=ALL ...; "
    "docker run --security-opt systempaths=unconfined --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined ..."
)


def setting(name: str) -> str | None:
    """Return the value of the sysctl ``name`` (with slashes), or None where the kernel has no such thing."""
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def reinstall() -> str:
    """Return the command that installs anew what a lab imports: in a checkout its own, elsewhere pip's."""
    home = Path(__file__).resolve().parents[2]
    if (home / "bin" / "setup").is_file():
        return f"rm -f {home}/.venv/.pelab-ready && {home}/bin/setup"
    return f"{sys.executable} -m pip install --force-reinstall pelab"


def switched_off() -> tuple[str, str] | None:
    """Return (what, fix) for the setting that keeps ordinary users from user namespaces, or None.

    AppArmor's fix is a profile for this interpreter alone; the switch would open them to every program of the machine.
    """
    if setting(_CLONE) == "0":
        return "kernel.unprivileged_userns_clone is 0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if setting(_APPARMOR) == "1":
        profile = f"abi <abi/4.0>, profile pelab {os.path.realpath(sys.executable)} flags=(unconfined) {{ userns, }}"
        fix = f"echo '{profile}' | sudo tee {_PROFILE} && sudo apparmor_parser -r {_PROFILE}"
        return "kernel.apparmor_restrict_unprivileged_userns is 1", fix
    return None


def exhausted() -> tuple[str, str] | None:
    """Return (what, fix) for a kind of namespace of which the machine allows none, or None."""
    for kind in _KINDS:
        if setting(f"user/max_{kind}_namespaces") == "0":
            return f"user.max_{kind}_namespaces is 0", f"sudo sysctl -w user.max_{kind}_namespaces=10000"
    return None


def explain(error: OSError) -> EnvironmentProblem:
    """Return the problem behind ``error``, which a call of ``lab.kernel.namespaces`` or a fork raised."""
    text = f"the lab's processes and namespaces cannot be made: {error.strerror or error}"
    if isinstance(error, PermissionError) and error.filename == sys.executable:
        real = os.path.realpath(sys.executable)
        fix = f"make the virtual environment from a Python that everybody may run: {real} is in somebody's own folder"
        return EnvironmentProblem(f"this user may not execute {sys.executable}", fix=fix)
    match error.errno:
        case errno.ENOSPC if (found := exhausted()) is not None:
            return EnvironmentProblem(f"{text} ({found[0]})", fix=found[1])
        case errno.ENOSPC if "mount" in str(error) or "unshare" not in str(error):
            return EnvironmentProblem(text, fix="free space or inodes where `df -h` or `df -i` says 100 %")
        case errno.ENOSPC:
            return EnvironmentProblem(
                f"{text} (too many namespaces at once)",
                fix="sudo sysctl -w " + " ".join(f"user.max_{kind}_namespaces=10000" for kind in _KINDS),
            )
        case errno.EMFILE:
            return EnvironmentProblem(f"{text} (too many open files)", fix=open_files())
        case errno.ENFILE:
            return EnvironmentProblem(
                f"{text} (too many files on this machine)", fix="sudo sysctl -w fs.file-max=1000000"
            )
        case errno.EAGAIN:
            return EnvironmentProblem(
                f"{text} (too many processes)",
                fix="end some processes of this user, or allow more: ulimit -u 4096; "
                "in a container docker run --pids-limit=-1 ...",
            )
        case errno.ENOMEM:
            return EnvironmentProblem(text, fix="free some memory: a lab needs about 20 MB")
        case errno.EPERM | errno.EACCES if "mount(/proc)" in str(error):
            # before the switches, which a container sees as its host has them
            return EnvironmentProblem(f"{text} (parts of /proc are masked, as containers do)", fix=_CONTAINER)
        case errno.EPERM | errno.EACCES if (found := switched_off()) is not None:
            return EnvironmentProblem(f"{text} ({found[0]})", fix=found[1])
        case errno.EPERM | errno.EACCES:
            return EnvironmentProblem(f"{text} (a container or a security module forbids it)", fix=_CONTAINER)
        case errno.EINVAL | errno.ENOSYS:
            return EnvironmentProblem(
                f"{text} (the kernel lacks a kind of namespace)",
                fix="boot a kernel with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS and CONFIG_UTS_NS",
            )
        case _:
            return EnvironmentProblem(
                text, fix="run pelab doctor: it tries every part of a lab and says what is refused"
            )
