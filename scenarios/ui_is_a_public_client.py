"""The console asks for keys as a public client, wherever the browser is: after private-only the UI cannot even unlock.

An administrator sets private-only with a click, from the laptop. From then on no browser manages keys, neither outside
nor on a VSI, for it is the console that asks, at the public endpoint. The API at the private endpoint can switch back.
"""

from lab import Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, topology

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
OUTSIDE, INSIDE = Call.console("laptop", "keys"), Call.console("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
REACHED, REFUSED = Outcome.REACHED, Outcome.UNAUTHORIZED.because("policy.not-in-the-ui")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("the laptop's browser lists keys in the UI", OUTSIDE, REACHED),
        Step("a key is made there", OUTSIDE.to(Operation.CREATE), REACHED),
        Step("a browser on the VSI shows it too", INSIDE, REACHED),
        Step("private-only is set by a click", SetPolicy(LOCK, by=OUTSIDE), REACHED),
        Step("the UI lists no keys any more", OUTSIDE, REFUSED),
        Step("it makes none", OUTSIDE.to(Operation.CREATE, key="another"), REFUSED),
        Step("it does not even show the setting", OUTSIDE.to(Operation.GET_POLICY), REFUSED),
        Step("nor undo it", SetPolicy(OPEN, by=OUTSIDE), REFUSED),
        Step("a browser on the VSI lists none either", INSIDE, REFUSED),
        Step("nor does it undo the setting", SetPolicy(OPEN, by=INSIDE), REFUSED),
        Step("where the instance is, the overview still shows", OUTSIDE.to(Operation.GET_INSTANCE), REACHED),
        Step("the laptop's API calls fare no better", LAPTOP, Outcome.UNAUTHORIZED.because("policy.private-only")),
        Step("inside the API lists the key", VSI, REACHED),
        Step("makes another", VSI.to(Operation.CREATE, key="another"), REACHED),
        Step("and switches back", SetPolicy(OPEN, by=VSI), REACHED),
        Step("the UI lists both keys", OUTSIDE, REACHED),
        Step("on the VSI as well", INSIDE, REACHED),
    ),
)
