"""One account, its VSIs, a laptop on the internet and one crypto instance.

By default everything is ready: VRF and service endpoints on, the private route in place, the instance
initialised, no policy set. Scenarios start from less.
"""

from __future__ import annotations

from lab import Builder, Count, Policy, Topology, for_mn, topology


@topology
class SingleAccount(Topology):
    """Parameters are listed here; ``pelab run single_account --set vsis=2 ...`` sets them."""

    account: str = "acme"
    region: str = "us-south"
    vsis: Count = 1
    vrf: bool = True
    service_endpoints: bool | None = None  # None: as VRF, which they need
    private_route: bool = True
    private_interface: str = "eth0"
    public_interface: str = "eth1"
    instance: bool = True
    initialised: bool = True
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """Account acme with vsi-1 to vsi-N, a laptop, and the instance ``keys`` in us-south."""
        wanted = self.vrf if self.service_endpoints is None else self.service_endpoints
        account = b.account(self.account, vrf=self.vrf, service_endpoints=wanted)
        for number in range(1, self.vsis + 1):
            b.vsi(
                f"vsi-{number}",
                account=account,
                private_route=self.private_route,
                private_interface=self.private_interface,
                public_interface=self.public_interface,
            )
        b.internet_host("laptop", account=account)
        if self.instance:
            b.crypto_instance(
                "keys", account=account, region=self.region, initialised=self.initialised, policy=self.policy
            )


topos = {"single_account": for_mn(SingleAccount)}
