"""Chosen at provisioning, public-and-private lets both sides in from the first moment, and can be changed later."""

from lab import Call, Initialise, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
CHOSEN = Provision(instance="keys", account="acme", region="us-south", policy=OPEN)
DONE, REACHED = Outcome.DONE, Outcome.REACHED
EARLY = Outcome.BAD_REQUEST.because("instance.not-initialised")

SCENARIO = Scenario(
    topology=topology("single_account", instance=False),
    steps=(
        Step("it is provisioned public-and-private", CHOSEN, DONE),
        Step("the laptop is let in, and told that it is not initialised", LAPTOP, EARLY),
        Step("and so is the VSI", VSI, EARLY),
        Step("it is initialised", Initialise(instance="keys"), DONE),
        Step("the laptop is served", LAPTOP, REACHED.because("policy.public-and-private")),
        Step("and so is the VSI", VSI, REACHED.because("policy.public-and-private")),
        Step("the choice can always be updated, from outside as well", SetPolicy(LOCK, by=LAPTOP), REACHED),
        Step("once", SetPolicy(OPEN, by=LAPTOP), Outcome.UNAUTHORIZED.because("policy.private-only")),
    ),
)
