"""The network access policy cannot be changed before the instance is initialised."""

from lab import Call, Initialise, Outcome, Policy, Scenario, SetPolicy, Step, topology

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
LOCK = Policy.PRIVATE_ONLY
TOO_EARLY = Outcome.BAD_REQUEST.because("policy.needs-initialised")

SCENARIO = Scenario(
    topology=topology("single_account", initialised=False),
    steps=(
        Step("the policy is set on an uninitialised instance, privately", SetPolicy(LOCK, by=VSI), TOO_EARLY),
        Step("and publicly", SetPolicy(LOCK, by=LAPTOP), TOO_EARLY),
        Step("its keys cannot be used either", VSI, Outcome.BAD_REQUEST.because("instance.not-initialised")),
        Step("the instance is initialised", Initialise(instance="keys"), Outcome.DONE),
        Step("now the policy is set", SetPolicy(LOCK, by=VSI), Outcome.REACHED),
        Step("and it is enforced", LAPTOP, Outcome.UNAUTHORIZED.because("policy.private-only")),
        Step("on the public side only", VSI, Outcome.REACHED),
    ),
)
