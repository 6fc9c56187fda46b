"""Private-only set from the public side cannot be undone from the public side."""

from lab import Call, Outcome, Policy, Scenario, SetPolicy, Step, topology

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("a new instance answers the laptop", LAPTOP, Outcome.REACHED),
        Step("ops lock it from the laptop", SetPolicy(LOCK, by=LAPTOP), Outcome.REACHED),
        Step("now the laptop is turned away", LAPTOP, REFUSED),
        Step("even to undo it", SetPolicy(OPEN, by=LAPTOP), REFUSED),
        Step("a VSI that uses the public endpoint is turned away as well", Call.public("vsi-1", "keys"), REFUSED),
        Step("the VSI can undo it over the private endpoint", SetPolicy(OPEN, by=VSI), Outcome.REACHED),
        Step("and the laptop is served again", LAPTOP, Outcome.REACHED),
    ),
)
