"""Chosen at provisioning, private-only holds from the first moment: all that follows comes from the private network."""

from lab import Call, Operation, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
UNITS_OUTSIDE, UNITS_INSIDE = Call.tke_public("laptop", "keys"), Call.tke_private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
CHOSEN = Provision(instance="keys", account="acme", region="us-south", policy=LOCK)
DONE, REACHED = Outcome.DONE, Outcome.REACHED
REFUSED, UNSEEN = Outcome.UNAUTHORIZED.because("policy.private-only"), Outcome.NOT_LISTED.because("tke.left-out")
NOT_HERE = Outcome.UNAUTHORIZED.because("instance.initialise-privately")
EARLY, TOO_EARLY = (Outcome.BAD_REQUEST.because(f"{rule}initialised") for rule in ("instance.not-", "policy.needs-"))

SCENARIO = Scenario(
    topology=topology("single_account", instance=False),
    steps=(
        Step("it is provisioned private-only", CHOSEN, DONE),
        Step("the laptop is refused, whatever the instance's state", LAPTOP, REFUSED),
        Step("and cannot change that", SetPolicy(OPEN, by=LAPTOP), REFUSED),
        Step("the VSI is told that it is not initialised", VSI, EARLY),
        Step("so the policy cannot be changed from there yet", SetPolicy(OPEN, by=VSI), TOO_EARLY),
        Step("TKE's list on the laptop lacks it, in silence", UNITS_OUTSIDE, UNSEEN),
        Step("its master key cannot be loaded from there", UNITS_OUTSIDE.to(Operation.INITIALISE), NOT_HERE),
        Step("the VSI sees its crypto units", UNITS_INSIDE, REACHED.because("tke.served")),
        Step("and initialises it", UNITS_INSIDE.to(Operation.INITIALISE), REACHED.because("tke.served")),
        Step("the laptop's list lacks it as before", UNITS_OUTSIDE, UNSEEN),
        Step("and the laptop is refused as before", LAPTOP, REFUSED),
        Step("the VSI is served", VSI, REACHED.because("policy.private-endpoint-served")),
        Step("the choice can always be updated, from within", SetPolicy(OPEN, by=VSI), REACHED),
        Step("and the laptop is served", LAPTOP, REACHED.because("policy.public-and-private")),
        Step("and finds it in TKE's list", UNITS_OUTSIDE, REACHED.because("tke.served")),
    ),
)
