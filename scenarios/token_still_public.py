"""Key calls private, IAM public, on a VSI without a public way: the client dies before its first key call.

Only half of it was switched to private endpoints. Where a public way exists nobody notices, and that is why it is
found late: on the VSI that has none. The same client, asking IAM's private host, works.
"""

from lab import Call, Netlink, Operation, Outcome, Plane, Policy, Scenario, SetPolicy, Step, topology

KEYS, HOST = Call.private("vsi-1", "keys"), Netlink("vsi-1")
HALF, WHOLE = Call.token("vsi-1", "keys", Plane.PUBLIC), Call.token("vsi-1", "keys", Plane.PRIVATE)
DONE, REACHED = Outcome.DONE, Outcome.REACHED

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("on a VSI with a public way the token is issued", HALF, REACHED),
        Step("and the key call served: nobody notices", KEYS, REACHED),
        Step("private-only does not show it either", SetPolicy(Policy.PRIVATE_ONLY, by=KEYS), REACHED),
        Step("for IAM is no instance", HALF, REACHED),
        Step("the VSI loses its public way", HOST.route("del", dst="default"), DONE),
        Step("the client asks for a token: nothing is sent", HALF, Outcome.NO_ROUTE.because("host.no-route")),
        Step("a default route by the private gateway", HOST.route("add", dst="default", gateway="10.65.0.65"), DONE),
        Step("does not help", HALF, Outcome.REJECTED.because("edge.unroutable")),
        Step("done right: a token from IAM's private host", WHOLE, REACHED),
        Step("a key is made with it", KEYS.to(Operation.CREATE), REACHED),
        Step("and used", KEYS.to(Operation.WRAP), REACHED),
    ),
)
