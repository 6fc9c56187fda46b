"""A node's shell and processes: made when first wanted, inside the node's network and mount namespaces."""

from __future__ import annotations

import os
import pty
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from subprocess import Popen, TimeoutExpired
from typing import Any, Final

from lab.kernel import namespaces
from lab.kernel.namespaces import NEWNET, NEWNS

_PROMPT: Final = chr(127)
_PATIENCE_S: Final = 2.0


def own_mounts(network: int) -> int:
    """Return the descriptor of a new mount namespace whose ``/sys`` shows the interfaces of ``network``.

    What is mounted in it is seen nowhere else, as in Mininet's own hosts.
    """

    def make() -> int:
        namespaces.unshare(NEWNS)
        namespaces.setns(network, NEWNET)
        namespaces.mount(None, "/", flags=namespaces.REC | namespaces.PRIVATE)
        namespaces.mount("sysfs", "/sys", "sysfs", namespaces.RDONLY | namespaces.NOSUID | namespaces.NODEV)
        return namespaces.current("mnt")

    return namespaces.in_thread(make)


def enter(network: int, mounts: int) -> None:
    """Put this thread, which has a file-system state of its own, inside both namespaces."""
    namespaces.setns(network, NEWNET)
    namespaces.setns(mounts, NEWNS)


def start(command: Sequence[str], *, inside: Callable[[], None], **options: Any) -> Popen[Any]:
    """Start a process in the namespaces that ``inside`` enters; ``options`` are those of ``Popen``."""

    def run() -> Popen[Any]:
        # the thread's end takes it out of the namespaces again
        inside()
        return Popen(list(command), **options)

    return namespaces.in_thread(run)


class Shell:
    """A shell on a terminal of its own, of which it is the controlling one: Ctrl-C reaches what runs in it."""

    def __init__(self, name: str, *, inside: Callable[[], None], environment: Mapping[str, str]) -> None:
        """Start it; its first prompt is still to be read."""
        self.terminal, self.slave = pty.openpty()
        command = ["setsid", "-c", "bash", "--norc", "--noediting", "-is", f"mininet:{name}"]
        ends = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        try:
            self.process = start(command, inside=inside, env={**environment, "PS1": _PROMPT}, **ends)
        except BaseException:
            os.close(self.terminal)
            os.close(self.slave)
            raise
        self.file = os.fdopen(self.terminal, "r")
        self.poll = select.poll()
        self.poll.register(self.terminal)

    def hang_up(self) -> None:
        """Tell the shell and what runs in it that the terminal is gone."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGHUP)

    def close(self) -> None:
        """Wait for the shell's end, which ``hang_up`` has brought about."""
        self.file.close()
        os.close(self.slave)
        try:
            self.process.wait(_PATIENCE_S)
        except TimeoutExpired:
            self.process.kill()
            self.process.wait()
