"""Mininet's own command line on a running lab, with the manners that a lab's user expects.

A command that fails is told and ends nothing; leaving a host's shell ends that shell alone; hosts stand in the folder
in which their user stands. Everything else is Mininet's.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from mininet.cli import CLI
from mininet.log import error, output
from mininet.util import quietRun

from lab.describe.plan import OWN_NODES
from lab.errors import nearest

_ONE_PING_S: Final = 1
_TRY: Final = """\
*** hosts: {hosts}
*** try:   {first} ip route
***        {first} env | grep PELAB
***        {first} curl -sS $PELAB_IAM_PRIVATE/identity/keys
***        nodes, links, pingall, link NODE NODE down, help, exit
"""


class CommandLine(CLI):
    """Mininet's command line for ``net``, of whose nodes ``hosts`` are the user's; runs until its user leaves it."""

    def __init__(self, net: Any, hosts: Sequence[str]) -> None:
        """Greet, and run."""
        self._hosts = [net[name] for name in hosts]
        for host in self._hosts:
            host.enter = _standing(host.enter, os.getcwd())  # noqa: PTH109 - a text is what goes over
        output(_TRY.format(hosts=", ".join(hosts) or "none", first=next(iter(hosts), "HOST")))
        super().__init__(net)

    def onecmd(self, line: str) -> Any:
        """Run one command and do what it queued; one that fails is told, and the next is read."""
        try:
            ending = super().onecmd(line)
            self.mn.fabric.flush()
        except SystemExit:
            return True
        except Exception as failure:  # noqa: BLE001 - whatever a command raises, the lab is still there
            error(f"*** {line.strip()}: {type(failure).__name__}: {failure}\n")
            return None
        return ending

    def default(self, line: str) -> None:
        """Run a line that begins with a host's name in that host; another is told with the nearest command or name."""
        if self.parseline(line)[0] in self.mn:
            super().default(line)
            return
        word, commands = line.split(maxsplit=1)[0], [name for name in self.get_names() if name.startswith("do_")]
        known = {*(name.removeprefix("do_") for name in commands), *(str(node.name) for node in self.mn.values())}
        hint = nearest(word, known)
        error(f"*** no command and no host {word!r}" + (f"; {hint}" if hint else "") + "\n")

    def do_nodes(self, _line: str) -> None:
        """List the user's hosts, and apart from them what the lab has of its own."""
        mine = [host.name for host in self._hosts]
        others = [str(node.name) for node in self.mn.values() if node.name not in mine]
        appliances = [name for name in others if name not in OWN_NODES]
        output(f"hosts: {' '.join(mine) or 'none'}\n")
        if appliances:
            output(f"gateway appliances: {' '.join(appliances)}\n")
        output("the lab's own, which are no part of what is described:\n")
        for name in (name for name in others if name in OWN_NODES):
            output(f"  {name:{max(map(len, OWN_NODES))}}  {OWN_NODES[name]}\n")

    def do_iperf(self, _line: str) -> None:
        """Say how throughput is measured: Mininet's own way waits for hosts to reach each other, which need not."""
        error("*** run iperf in hosts yourself, such as HOST iperf -s & and HOST iperf -c ADDRESS\n")

    do_iperfudp = do_iperf

    def do_links(self, _line: str) -> None:
        """Report on links: both ends with their nodes, and whether they carry packets."""
        for link in self.mn.links:
            a, b = link.intf1, link.intf2
            output(f"{a.node.name}:{a.name} <-> {b.node.name}:{b.name} {link.status()}\n")

    def do_pingall(self, line: str) -> None:
        """Ping between all hosts, all at once, and wait a second (or as long as is said) for the answers."""
        patience = str(float(line) if line.strip() else _ONE_PING_S)
        pings = {
            (a.name, b.name): a.popen(["ping", "-c", "1", "-W", patience, b.IP()])
            for a in self._hosts
            for b in self._hosts
            if a is not b
        }
        answered = {ends for ends, ping in pings.items() if _ended_well(ping)}
        for host in self._hosts:
            others = [other.name for other in self._hosts if other is not host]
            told = " ".join(name if (host.name, name) in answered else "X" for name in others)
            output(f"{host.name} -> {told}\n")
        output(f"*** {len(answered)} of {len(pings)} answered; hosts need not reach each other, but the services\n")

    def waitForNode(self, node: Any) -> None:  # noqa: N802 - Mininet's name
        """Pass keys and output on until the command ends, or the shell in which it runs."""
        if self.isatty():
            quietRun("stty -icanon min 1")
        with _watched(node) as (poll, ended):
            if self.isatty():  # what comes by a pipe are the next commands
                poll.register(self.stdin, select.POLLIN)
            while node.waiting:
                try:
                    ready = {fd for fd, _ in poll.poll()}
                    if self.stdin.fileno() in ready:
                        node.write(self.stdin.read(1))
                    if node.stdout.fileno() in ready:
                        output(node.monitor())
                    elif ended in ready:
                        node.forget_shell()
                        output(f"*** {node.name}: its shell has ended; the next command gets a new one\n")
                except KeyboardInterrupt:
                    node.sendInt()


@contextlib.contextmanager
def _watched(node: Any) -> Iterator[tuple[select.poll, int]]:
    """Give a poll that knows the node's output and its shell's end, and the descriptor of that."""
    ended = os.pidfd_open(node.shell.pid)
    try:
        poll = select.poll()
        poll.register(node.stdout, select.POLLIN)
        poll.register(ended, select.POLLIN)
        yield poll, ended
    finally:
        os.close(ended)


def _ended_well(program: subprocess.Popen[bytes]) -> bool:
    """Return whether ``program`` ended with 0; its words are nobody's."""
    program.communicate()
    return program.returncode == 0


def _standing(enter: Callable[[], None], folder: str) -> Callable[[], None]:
    """Return what puts a thread inside a host's namespaces, and there into ``folder`` if the host has it."""

    def inside() -> None:
        enter()
        with contextlib.suppress(OSError):
            os.chdir(folder)

    return inside
