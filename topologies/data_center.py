"""A test machine, a VSI behind a gateway appliance, and a host on premises at the end of a Direct Link.

Beside them stands ``single_account``: an ordinary VSI, a laptop and the instance.
"""

from __future__ import annotations

from lab import Builder, Policy, Topology, for_mn, topology


@topology
class DataCenter(Topology):
    """One account, with VRF: a Direct Link needs it."""

    service_endpoints: bool = True
    private_route: bool = True  # of the test machine, the VSI behind the appliance and the host on premises
    permits_services: bool = True
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """The part's vsi-1, laptop and keys; test-machine with eth10 and eth11; inner-vsi behind gateway; mainframe."""
        b.include(topology("single_account", service_endpoints=self.service_endpoints, policy=self.policy))
        b.vsi(
            "test-machine",
            account="acme",
            private_interface="eth10",
            public_interface="eth11",
            private_route=self.private_route,
        )
        gateway = b.gateway_appliance("gateway", account="acme", permits_services=self.permits_services)
        b.vsi("inner-vsi", account="acme", behind=gateway, private_route=self.private_route)
        b.on_premises_host("mainframe", account="acme", private_route=self.private_route)


topos = {"data_center": for_mn(DataCenter)}
