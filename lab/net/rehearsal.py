"""A plan's kernel messages, encoded and thrown away: what was encoded once costs every later lab microseconds."""

from __future__ import annotations

from lab.describe.plan import Plan
from lab.net import filters
from lab.net.fabric import Fabric
from lab.net.network import Network
from lab.net.topo import compile_plan


def encode(plan: Plan) -> int:
    """Queue ``plan`` as a net, encode everything that it queued, and return the number of messages; nothing is sent."""
    net = Network(topo=compile_plan(plan), fabric=Fabric())
    messages = [message for node in plan.nodes if node.filters for message in filters.messages(node.filters)]
    return len(messages) + net.fabric.encode()
