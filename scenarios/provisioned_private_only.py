"""Chosen at provisioning, private-only holds from the first moment: the public side never gets an answer.

Of the initialisation, which must come from the private network as well, the lab's operator takes care here.
"""

from lab import Call, Initialise, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
CHOSEN = Provision(instance="keys", account="acme", region="us-south", policy=LOCK)
DONE, REACHED = Outcome.DONE, Outcome.REACHED
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")
EARLY, TOO_EARLY = (Outcome.BAD_REQUEST.because(f"{rule}initialised") for rule in ("instance.not-", "policy.needs-"))

SCENARIO = Scenario(
    topology=topology("single_account", instance=False),
    steps=(
        Step("it is provisioned private-only", CHOSEN, DONE),
        Step("the laptop is refused, whatever the instance's state", LAPTOP, REFUSED),
        Step("and cannot change that", SetPolicy(OPEN, by=LAPTOP), REFUSED),
        Step("the VSI is told that it is not initialised", VSI, EARLY),
        Step("so the policy cannot be changed from there yet", SetPolicy(OPEN, by=VSI), TOO_EARLY),
        Step("it is initialised", Initialise(instance="keys"), DONE),
        Step("the laptop is refused as before", LAPTOP, REFUSED),
        Step("the VSI is served", VSI, REACHED.because("policy.private-endpoint-served")),
        Step("the choice can always be updated, from within", SetPolicy(OPEN, by=VSI), REACHED),
        Step("and the laptop is served", LAPTOP, REACHED.because("policy.public-and-private")),
    ),
)
