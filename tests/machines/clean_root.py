"""A clean Debian 12 root, and commands that run in it as in a machine of its own: mounts, processes, network.

Making one needs root, debootstrap and a Debian mirror (``APT_MIRROR``, or debootstrap's own), or is an error.
It starts no init, and the kernel is this machine's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CHECKOUT: Final = "vagrant"
"""Where the checkout stands in the root, without the leading slash; the user who owns it has the same name."""

_PATIENCE_S: Final = 1800
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# pivot_root and not chroot: in a chroot the kernel makes no user namespaces. Folders may be mounted without devices or
# set-uid programs: this one has them.
_ENTER: Final = """
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,suid,dev,exec "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . .
umount -l .
cd /
exec env -i PATH="$PATH_INSIDE" LANG=C.UTF-8 "$@"
"""


@dataclass(frozen=True, slots=True)
class CleanRoot:
    """A Debian root in a folder."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> CleanRoot:
        """Make one in ``path``, which must not exist: the smallest there is, and a user ``vagrant``.

        Raises:
            RuntimeError: This machine cannot; the text says what it lacks, or what debootstrap said.
        """
        if os.geteuid() != 0:
            raise RuntimeError("a clean Debian root needs root: sudo make test-machines")
        if shutil.which("debootstrap") is None:
            raise RuntimeError("there is no debootstrap: bin/setup machines")
        command = ["debootstrap", "--variant=minbase", "bookworm", str(path)]
        if mirror := os.environ.get("APT_MIRROR"):
            command.append(mirror)
        made = isolated(["--mount-proc", *command], os.environ)
        if made.returncode:
            raise RuntimeError(f"debootstrap ended with {made.returncode}:\n{made.stdout}{made.stderr}")
        root = cls(path)
        (path / "etc/hosts").write_text("127.0.0.1 localhost\n")  # an installer's part, and an engine's for containers
        root.trust()
        root.run("useradd", "--create-home", "--shell", "/bin/bash", CHECKOUT).check_returncode()
        return root

    def trust(self) -> None:
        """Have the root trust the authorities that this machine was told to trust, as its mirrors may be behind one."""
        for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            place = self.path / "usr/local/share/ca-certificates"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(certificate, place)

    @contextmanager
    def copied(self, path: Path) -> Iterator[CleanRoot]:
        """Hold a copy in ``path``, which must not exist."""
        with removed(path):
            subprocess.run(["cp", "-a", str(self.path), str(path)], check=True)
            yield CleanRoot(path)

    def copy_checkout(self, home: str = CHECKOUT) -> None:
        """Put this checkout into the root as the Vagrantfile does: without what git does not know; the user owns it."""
        ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
        place = self.path / home
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(".git", *ignored), symlinks=True)
        self.run("chown", "-R", f"{CHECKOUT}:", f"/{home}").check_returncode()

    def run(
        self,
        *command: str,
        network: int | None = None,
        user: str = "root",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root and wait for it and for all that it started.

        Args:
            command: Program and arguments.
            network: Descriptor of the network namespace in which it runs; by default this machine's.
            user: Who runs it, in ``/``.
            environment: All of its environment but for ``PATH`` and ``LANG``.
        """
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        entered = ["sh", "-euc", _ENTER, "enter", str(self.path)]
        settings = [f"{name}={value}" for name, value in (environment or {}).items()]
        path = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "PATH_INSIDE": _PATH}
        return isolated([*entered, *settings, *as_user, *command], path, network)


@contextmanager
def removed(path: Path) -> Iterator[Path]:
    """Remove ``path`` in the end, however far it was made: pytest keeps its last folders, and roots are large."""
    try:
        yield path
    finally:
        if path.exists():
            shutil.rmtree(path)


def isolated(
    command: Sequence[str], environment: Mapping[str, str], network: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with mounts and processes of its own; when this returns, or raises, all that it started has ended.

    Args:
        command: Options of ``unshare``, program and arguments.
        environment: All of its environment.
        network: Descriptor of the network namespace in which it runs; by default this machine's.
    """
    network_first = [] if network is None else ["nsenter", f"--net=/proc/self/fd/{network}"]
    with subprocess.Popen(
        [*network_first, *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"), *command],
        env=environment,
        pass_fds=() if network is None else (network,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            said, complained = running.communicate(timeout=_PATIENCE_S)
        except BaseException:  # an interrupt as well: a root in which something still writes cannot be removed
            _end(running)
            raise
    return subprocess.CompletedProcess(command, running.returncode, said, complained)


def _end(running: subprocess.Popen[str]) -> None:
    """End the namespace's first process; its parent, which is waited for, ends when the kernel has ended the others."""
    if running.poll() is None:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        for first in children:
            with suppress(ProcessLookupError):
                os.kill(int(first), signal.SIGKILL)
        if not children:
            running.kill()
    running.wait()
