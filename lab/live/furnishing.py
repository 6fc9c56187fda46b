"""Everything that a lab can be asked: the one place that registers handlers with the network process."""

from __future__ import annotations

from lab.live.exec import Programs
from lab.live.network import Network
from lab.live.sabotage import Saboteur
from lab.live.stage import Stage
from lab.net.hosts import Hosts


def furnish(network: Network) -> None:
    """Register every handler."""
    hosts = Hosts()
    Programs(network, hosts)
    Saboteur(network, Stage(network, hosts))
