"""Private-only before the private environment stands: nobody can reach the instance, and the way out is the account.

The page says to set the environment up first. Here it was not: VRF is off, the policy is set from the
laptop, and neither side gets in until VRF, service endpoints and so the private path exist.
"""

from lab import Call, EnableServiceEndpoints, EnableVrf, Outcome, Policy, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")

SCENARIO = Scenario(
    topology=topology("single_account", vrf=False),
    steps=(
        Step("the laptop sets private-only too early", SetPolicy(LOCK, by=LAPTOP), Outcome.REACHED),
        Step("it is locked out", LAPTOP, REFUSED),
        Step("and cannot undo it", SetPolicy(OPEN, by=LAPTOP), REFUSED),
        Step("the VSI does not get through", VSI, Outcome.TIMED_OUT.because("edge.no-vrf")),
        Step("nor at the public endpoint", Call.public("vsi-1", "keys"), REFUSED),
        Step("the way out: VRF, for good", EnableVrf(account="acme"), Outcome.DONE),
        Step("and service endpoints", EnableServiceEndpoints(account="acme"), Outcome.DONE),
        Step("now the VSI can open the instance again", SetPolicy(OPEN, by=VSI), Outcome.REACHED),
        Step("and the laptop is back", LAPTOP, Outcome.REACHED),
    ),
)
