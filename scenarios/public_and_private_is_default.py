"""Without a policy both planes are served: a team outside and a team inside work on one instance at once."""

from lab import Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, topology

OUTSIDE, INSIDE = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
REACHED, DEFAULT = Outcome.REACHED, Outcome.REACHED.because("policy.default")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("no policy was set: the team outside is served", OUTSIDE, DEFAULT),
        Step("and the team inside", INSIDE, DEFAULT),
        Step("outside makes a key", OUTSIDE.to(Operation.CREATE, key="outside"), REACHED),
        Step("inside makes another", INSIDE.to(Operation.CREATE, key="inside"), REACHED),
        Step("inside uses the key of outside", INSIDE.to(Operation.WRAP, key="outside"), REACHED),
        Step("outside that of inside", OUTSIDE.to(Operation.WRAP, key="inside"), REACHED),
        Step("saying the default changes nothing", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=INSIDE), REACHED),
        Step("outside is served as before", OUTSIDE, REACHED.because("policy.public-and-private")),
        Step("inside too", INSIDE, REACHED.because("policy.public-and-private")),
    ),
)
