"""Chosen at provisioning, public-and-private lets both sides in from the first moment, and can be changed later."""

from lab import Call, Operation, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
UNITS = Call.tke_public("laptop", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
CHOSEN = Provision(instance="keys", account="acme", region="us-south", policy=OPEN)
DONE, REACHED = Outcome.DONE, Outcome.REACHED
EARLY = Outcome.BAD_REQUEST.because("instance.not-initialised")
ALREADY = Outcome.CONFLICT.because("instance.initialised-already")

SCENARIO = Scenario(
    topology=topology("single_account", instance=False),
    steps=(
        Step("it is provisioned public-and-private", CHOSEN, DONE),
        Step("the laptop is let in, and told that it is not initialised", LAPTOP, EARLY),
        Step("and so is the VSI", VSI, EARLY),
        Step("TKE's list on the laptop has it", UNITS, REACHED.because("tke.served")),
        Step("and the laptop initialises it", UNITS.to(Operation.INITIALISE), REACHED.because("tke.served")),
        Step("which is done once", Call.tke_private("vsi-1", "keys", Operation.INITIALISE), ALREADY),
        Step("the laptop is served", LAPTOP, REACHED.because("policy.public-and-private")),
        Step("and so is the VSI", VSI, REACHED.because("policy.public-and-private")),
        Step("the choice can always be updated, from outside as well", SetPolicy(LOCK, by=LAPTOP), REACHED),
        Step("once", SetPolicy(OPEN, by=LAPTOP), Outcome.UNAUTHORIZED.because("policy.private-only")),
        Step("and then TKE's list on the laptop lacks it", UNITS, Outcome.NOT_LISTED.because("tke.left-out")),
    ),
)
