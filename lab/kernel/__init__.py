"""What the kernel offers a lab: namespaces, netlink, nftables, drop events, connection tracking.

pyroute2's one home. Knows nothing of topologies, verdicts or services.
"""
