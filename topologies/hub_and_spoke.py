"""A hub with a gateway appliance, spokes of VSIs behind it, and a crypto instance in each of two regions.

The hub is ``single_account``: what stands there is reached by the backbone's own router, and what stands in a spoke
through the appliance.
"""

from __future__ import annotations

from lab import Builder, Count, Policy, Topology, for_mn, topology


@topology
class HubAndSpoke(Topology):
    """One account; everything in it is ready."""

    spokes: Count = 2
    vsis: Count = 2  # in each spoke
    vrf: bool = True
    permits_services: bool = True
    private_route: bool = True
    policy: Policy | None = None
    backup_policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """The hub's vsi-1, laptop and keys; spoke-1-vsi-1 and so on behind the appliance hub; backup-keys in eu-de."""
        b.include(topology("single_account", vrf=self.vrf, policy=self.policy))
        hub = b.gateway_appliance("hub", account="acme", permits_services=self.permits_services)
        for spoke in range(1, self.spokes + 1):
            for number in range(1, self.vsis + 1):
                b.vsi(f"spoke-{spoke}-vsi-{number}", account="acme", behind=hub, private_route=self.private_route)
        b.crypto_instance("backup-keys", account="acme", region="eu-de", policy=self.backup_policy)


topos = {"hub_and_spoke": for_mn(HubAndSpoke)}
