"""Two accounts with equal private addresses at one provider edge: VRF is what makes it possible.

Without VRF all accounts share one address space, and a VSI of globex at an address of acme's is a mistake:
``--set vrf=false`` says which.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from lab import Builder, Policy, Topology, for_mn, topology

FIRST, SUBNET = IPv4Address("10.240.0.4"), 64


@topology
class OverlappingAccounts(Topology):
    """Each account has its own instance; the parameters are globex's, acme has everything."""

    vsis: int = 1  # of acme; globex has one more, where acme has nobody
    vrf: bool = True
    service_endpoints: bool | None = None  # None: as VRF, which they need
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """Account acme: vsi-1 to vsi-N, laptop, keys. Account globex: globex-vsi-1 to N + 1, globex-laptop, globex-keys."""
        wanted = self.vrf if self.service_endpoints is None else self.service_endpoints
        acme = b.account("acme", vrf=True, service_endpoints=True)
        globex = b.account("globex", vrf=self.vrf, service_endpoints=wanted)
        for prefix, account, vsis, policy in (("", acme, self.vsis, None), ("globex-", globex, self.vsis + 1, self.policy)):
            for number in range(vsis):
                address = f"{FIRST + SUBNET * number}/26"
                b.vsi(f"{prefix}vsi-{number + 1}", account=account, private_address=address)
            b.internet_host(f"{prefix}laptop", account=account)
            b.crypto_instance(f"{prefix}keys", account=account, policy=policy)


topos = {"overlapping_accounts": for_mn(OverlappingAccounts)}
