"""The route alone is not enough: without VRF the backbone's edge drops what is bound for the services."""

from lab import Call, EnableServiceEndpoints, EnableVrf, Outcome, Scenario, Step, topology

VSI = Call.private("vsi-1", "keys")
DONE = Outcome.DONE

SCENARIO = Scenario(
    topology=topology("single_account", vrf=False),
    steps=(
        Step("the route stands, VRF is off", VSI, Outcome.TIMED_OUT.because("edge.no-vrf")),
        Step("the public endpoint works meanwhile", Call.public("vsi-1", "keys"), Outcome.REACHED),
        Step("VRF is enabled", EnableVrf(account="acme"), DONE),
        Step("it alone is not enough either", VSI, Outcome.TIMED_OUT.because("edge.no-service-endpoint")),
        Step("service endpoints are enabled", EnableServiceEndpoints(account="acme"), DONE),
        Step("now the VSI is served", VSI, Outcome.REACHED),
    ),
)
