"""Two accounts side by side, each with VSIs, a laptop and a crypto instance of its own.

Both are ``single_account``, included twice: what is acme's keeps its short names, what is globex's bears the account's
name. The parameters are globex's; acme has everything.
"""

from __future__ import annotations

from lab import Builder, Count, Policy, Topology, for_mn, topology


@topology
class TwoAccounts(Topology):
    """What a neighbour has, or has not, must concern nobody else."""

    vsis: Count = 1
    vrf: bool = True
    service_endpoints: bool | None = None  # None: as VRF, which they need
    private_route: bool = True
    policy: Policy | None = None

    def build(self, b: Builder) -> None:
        """Account acme: vsi-1 to vsi-N, laptop, keys. Account globex: globex-vsi-1, globex-laptop, globex-keys."""
        b.include(topology("single_account", vsis=self.vsis))
        globex = topology(
            "single_account",
            account="globex",
            vsis=self.vsis,
            vrf=self.vrf,
            service_endpoints=self.service_endpoints,
            private_route=self.private_route,
            policy=self.policy,
        )
        b.include(globex, prefix="globex")


topos = {"two_accounts": for_mn(TwoAccounts)}
