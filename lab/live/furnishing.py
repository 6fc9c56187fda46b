"""Everything that a lab can be asked: the one place that registers handlers with the network process."""

from __future__ import annotations

from lab.describe.builder import Builder
from lab.describe.placing import plan
from lab.live.console import Consoles
from lab.live.exec import Programs
from lab.live.lookout import Lookout
from lab.live.network import Network
from lab.live.sabotage import Saboteur
from lab.live.stage import Running, Stage
from lab.live.visitors import Visitors
from lab.net import rehearsal
from lab.net.commandline import CommandLine
from lab.net.hosts import Hosts


def furnish(network: Network) -> None:
    """Register every handler."""
    hosts = Hosts()
    programs = Programs(network, hosts)
    stage = Stage(network, hosts, end_programs=programs.end)
    Lookout(network, stage, hosts)
    Saboteur(network, stage)
    Visitors(network, stage, programs)
    Consoles(network, lambda: _command_line(stage.running))


def _command_line(running: Running) -> None:
    """Run Mininet's own command line on descriptors 0 to 2 until its user leaves it."""
    CommandLine(running.ground.net, tuple(running.world.hosts))


def preload() -> None:
    """Encode, before the fork, every shape of kernel message that a lab of one account needs."""
    builder = Builder()
    account = builder.account("preload", vrf=True, service_endpoints=True)
    builder.vsi("vsi-1", account=account)
    builder.internet_host("laptop")
    builder.crypto_instance("keys", account=account)
    rehearsal.encode(plan(builder.world()))
