"""Enabling VRF gives an account a routing table of its own, while it works, for good; nobody else's changes.

Nothing here turns VRF off, because nothing can: there is no such action to write, and enabling it once more cannot be
said either. What a scenario can show is that nothing else undoes it, while other switches, such as the policy, are
turned and turned back.
"""

from lab import (
    Builder,
    Call,
    EnableServiceEndpoints,
    EnableVrf,
    Outcome,
    Policy,
    Reboot,
    Scenario,
    SetPolicy,
    Step,
    Topology,
    topology,
)


@topology
class Neighbours(Topology):
    """Two accounts without VRF, in one shared table; each has a VSI with its route, and an instance."""

    def build(self, b: Builder) -> None:
        """Accounts acme and rival."""
        for name in ("acme", "rival"):
            b.vsi(f"{name}-vsi", account=b.account(name))
            b.crypto_instance(f"{name}-keys", account=name)


ACME, RIVAL = Call.private("acme-vsi", "acme-keys"), Call.private("rival-vsi", "rival-keys")
DONE, REACHED = Outcome.DONE, Outcome.REACHED
NO_VRF, NO_WAY = Outcome.TIMED_OUT.because("edge.no-vrf"), Outcome.TIMED_OUT.because("edge.no-service-endpoint")

SCENARIO = Scenario(
    topology=Neighbours(),
    steps=(
        Step("in the shared table acme's call is lost", ACME, NO_VRF),
        Step("and rival's", RIVAL, NO_VRF),
        Step("acme enables VRF, and moves to a table of its own", EnableVrf(account="acme"), DONE),
        Step("that table has no way to the services yet", ACME, NO_WAY),
        Step("rival stays where it was", RIVAL, NO_VRF),
        Step("acme enables service endpoints", EnableServiceEndpoints(account="acme"), DONE),
        Step("acme is served", ACME, REACHED),
        Step("and rival is not: its packets are routed apart", RIVAL, NO_VRF),
        Step("the policy is a door that goes both ways: it is shut", SetPolicy(Policy.PRIVATE_ONLY, by=ACME), REACHED),
        Step("and opened", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=ACME), REACHED),
        Step("a VSI that starts again finds the account's own table", Reboot(host="acme-vsi"), DONE),
        Step("acme is served still", ACME, REACHED),
        Step("rival goes through the same door", EnableVrf(account="rival"), DONE),
        Step("into a table of its own", RIVAL, NO_WAY),
        Step("which is not acme's", ACME, REACHED),
    ),
)
