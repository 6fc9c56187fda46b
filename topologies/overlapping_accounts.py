"""Two accounts with equal private addresses at one provider edge: VRF is what makes it possible.

Without VRF all accounts share one address space, and a VSI of globex at an address of acme's is a mistake:
``--set vrf=false`` says which.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from lab import Builder, Count, Policy, Topology, for_mn, topology

FIRST, SUBNET = IPv4Interface("10.240.0.4/26"), 64


@topology
class OverlappingAccounts(Topology):
    """Each account has an instance of its own. The parameters but ``vsis`` are globex's; acme has everything."""

    vsis: Count = 1  # of acme; globex has one more, where acme has nobody
    vrf: bool = True
    service_endpoints: bool | None = None  # None: as VRF, which they need
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """Account acme: vsi-1 to vsi-N, laptop, keys; globex: globex-vsi-1 to N + 1, globex-laptop, globex-keys."""
        wanted = self.vrf if self.service_endpoints is None else self.service_endpoints
        b.account("acme", vrf=True, service_endpoints=True)
        b.account("globex", vrf=self.vrf, service_endpoints=wanted)
        told = (("", "acme", self.vsis, None), ("globex-", "globex", self.vsis + 1, self.policy))
        for prefix, account, vsis, policy in told:
            for number in range(vsis):
                address = f"{FIRST.ip + SUBNET * number}/{FIRST.network.prefixlen}"
                b.vsi(f"{prefix}vsi-{number + 1}", account=account, private_address=address)
            b.internet_host(f"{prefix}laptop", account=account)
            b.crypto_instance(f"{prefix}keys", account=account, policy=policy)


topos = {"overlapping_accounts": for_mn(OverlappingAccounts)}
