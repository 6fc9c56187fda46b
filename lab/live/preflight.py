"""What this machine can do for a lab, and for each gap the command that mends it.

The kernel is asked by doing: a process of its own (``tryout``) makes what a lab makes and ends. Nothing is changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.kernel.limits import open_files
from lab.live import causes
from lab.live.causes import setting

_PACKAGES: Final = (
    "mininet", "pyroute2", "cryptography", "msgspec", "uvicorn", "uvloop", "httptools", "starlette", "dnslib", "h11",
    "setproctitle",
)  # fmt: skip
_PYTHON: Final = (3, 11)
_OPEN_FILES: Final = 1024
_INOTIFY: Final = 16
_PATIENCE_S: Final = 30.0
# what labs do without: the detail says how
_OPTIONAL: Final = {"VRF device": "not in this kernel; accounts are kept apart by routing tables and rules instead"}
_MEANING: Final = {
    "namespaces of its own": "user, pid and mount namespaces can be made",
    "a /proc of its own": "/proc can be mounted",
    "a network of its own": "network, ipc and uts namespaces can be made",
    "files of its own": "tmpfs can be mounted",
    "veth": "pairs of interfaces can be made",
    "bridge": "bridges can be made",
    "nf_tables": "packets can be filtered, counted and logged",
    "drop events": "drops are reported with their rule (NFLOG)",
    "connection tracking": "accounts can have equal addresses, and those are translated",
    "VRF device": "accounts are kept apart by VRF devices where asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that a lab needs: whether it is there, what was found, and the command that mends it if not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def checks() -> list[Check]:
    """Return every check, in the order in which a lab needs them."""
    found = [_python(), _packages(), *_limits(), *_programs(), *_files(), *_kernel()]
    return [replace(check, fix="") if check.ok else check for check in found]


def _python() -> Check:
    """Check the interpreter."""
    version = platform.python_version()
    wanted = ".".join(map(str, _PYTHON))
    fix = f"install Python {wanted} or later (sudo apt-get install python3 python3-venv), and pelab with it"
    return Check(name="python", ok=sys.version_info >= _PYTHON, detail=f"{version} at {sys.executable}", fix=fix)


def _packages() -> Check:
    """Check that everything a lab imports is installed; nothing is imported for it."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    detail = f"missing: {', '.join(missing)}" if missing else f"all {len(_PACKAGES)} are installed"
    return Check(name="packages", ok=not missing, detail=detail, fix=causes.reinstall())


def _limits() -> Iterator[Check]:
    """Check how many open files, namespaces and file watches there may be."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = files == resource.RLIM_INFINITY or files >= _OPEN_FILES
    yield Check(name="open files", ok=enough, detail=f"at most {files} a process", fix=open_files(4 * _OPEN_FILES))
    found = causes.exhausted()
    limit = setting("user/max_net_namespaces")
    detail = found[0] if found else f"at most {limit} networks"
    yield Check(name="namespaces", ok=found is None, detail=detail, fix=found[1] if found else "")
    if (watches := setting("fs/inotify/max_user_instances")) is not None:
        yield Check(
            name="inotify",
            ok=int(watches) >= _INOTIFY,
            detail=f"at most {watches} watchers",
            fix="sudo sysctl -w fs.inotify.max_user_instances=128",
        )


def _programs() -> Iterator[Check]:
    """Check the programs of the machine that a lab runs."""
    for name, package, purpose in (("setsid", "util-linux", "shells in hosts"), ("bash", "bash", "Mininet's nodes")):
        place = shutil.which(name)
        detail = place or f"not found; {purpose} need it"
        yield Check(name=name, ok=place is not None, detail=detail, fix=f"sudo apt-get install {package}")


def _files() -> Iterator[Check]:
    """Check the files that a host's own files cover: the machine's are not changed, but there must be some."""
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        # a link into /run is as good: /run is the host's own
        ok = os.path.lexists(path)
        detail = "there" if ok else "missing, so hosts of a lab cannot have their own"
        yield Check(name=path, ok=ok, detail=detail, fix=f"sudo touch {path}")


def _kernel() -> list[Check]:
    """Check the kernel and what a container withholds, by trying."""
    if sys.platform != "linux":
        return [Check(name="kernel", ok=False, detail=platform.system(), fix="run it on Linux: vagrant up")]
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *(path for path in sys.path if path.startswith("/"))]
    boot = f"import sys; sys.path[:0] = [{home!r}]; sys.path += {paths!r}; from lab.live import tryout; tryout.main()"
    try:
        tried = subprocess.run(
            [sys.executable, "-I", "-c", boot],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=_PATIENCE_S,
            check=False,
        )
    except OSError as error:
        problem = causes.explain(error)
        return [Check(name="kernel", ok=False, detail=problem.text, fix=problem.fix)]
    except subprocess.TimeoutExpired:
        text = f"did not answer within {_PATIENCE_S:.0f} s"
        return [Check(name="kernel", ok=False, detail=text, fix="end what keeps this machine busy, and try again")]
    found = [_told(line) for line in tried.stdout.splitlines()]
    if not found:
        last = tried.stderr.strip().rpartition("\n")[2]
        return [Check(name="kernel", ok=False, detail=f"could not be tried: {last}", fix=causes.reinstall())]
    left = [name for name in _MEANING if name not in {check.name for check in found}]
    fix = next((check.fix for check in found if not check.ok), causes.reinstall())
    return [*found, *(Check(name=name, ok=False, detail="not tried", fix=fix) for name in left)]


def _told(line: str) -> Check:
    """Return the check in a line of ``tryout``, with its meaning where there is nothing else to say."""
    check = Check(**json.loads(line))
    if check.ok:
        return replace(check, detail=f"{_MEANING[check.name]} (Linux {platform.release()})", fix="")
    if check.name in _OPTIONAL:
        return replace(check, ok=True, detail=_OPTIONAL[check.name], fix="")
    return check
