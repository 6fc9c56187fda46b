"""The broker tells where an instance's endpoints are, the private one too, but it tells it on the internet only.

What it tells does not depend on the network access policy. A VSI without a public way cannot discover the very endpoint
that it could use: whoever sets such a machine up gives it the endpoint.
"""

from lab import Call, Netlink, Operation, Outcome, Policy, Scenario, SetPolicy, Step, topology

KEYS, HOST = Call.private("vsi-1", "keys"), Netlink("vsi-1")
TOLD, STRANGER = Outcome.REACHED.because("broker.served"), Outcome.UNAUTHORIZED.because("door.other-account")
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")
DOCUMENT, OVERVIEW = Call.broker("vsi-1", "keys"), Call.console("vsi-1", "keys", Operation.GET_INSTANCE)

SCENARIO = Scenario(
    topology=topology("two_accounts"),
    steps=(
        Step("the VSI asks the broker for its instance's endpoints", DOCUMENT, TOLD),
        Step("the UI's overview shows the same", OVERVIEW, TOLD),
        Step("a stranger is told nothing", Call.broker("globex-vsi-1", "keys"), STRANGER),
        Step("private-only is set", SetPolicy(Policy.PRIVATE_ONLY, by=KEYS), Outcome.REACHED),
        Step("the public endpoint of the document refuses", Call.public("vsi-1", "keys"), REFUSED),
        Step("and the broker goes on telling", DOCUMENT, TOLD),
        Step("the VSI loses its public way", HOST.route("del", dst="default"), Outcome.DONE),
        Step("it cannot discover its private endpoint", DOCUMENT, Outcome.NO_ROUTE.because("host.no-route")),
        Step("nor look it up in the UI", OVERVIEW, Outcome.NO_ROUTE.because("host.no-route")),
        Step(
            "a default route by the private gateway",
            HOST.route("add", dst="default", gateway="10.65.0.65"),
            Outcome.DONE,
        ),
        Step("does not help", DOCUMENT, Outcome.REJECTED.because("edge.unroutable")),
        Step("the endpoint itself, once known, serves", KEYS, Outcome.REACHED),
    ),
)
