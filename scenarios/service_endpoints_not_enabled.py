"""VRF and the route are not enough: without service endpoints the account's table has no way to the services."""

from lab import Call, EnableServiceEndpoints, Outcome, Plane, Scenario, Step, topology

VSI = Call.private("vsi-1", "keys")
LOST = Outcome.TIMED_OUT.because("edge.no-service-endpoint")

SCENARIO = Scenario(
    topology=topology("single_account", service_endpoints=False),
    steps=(
        Step("key calls are lost at the backbone's edge", VSI, LOST),
        Step("so are calls for a token at IAM's private host", Call.token("vsi-1", "keys", Plane.PRIVATE), LOST),
        Step("IAM's public host answers", Call.token("vsi-1", "keys", Plane.PUBLIC), Outcome.REACHED),
        Step("service endpoints are enabled", EnableServiceEndpoints(account="acme"), Outcome.DONE),
        Step("key calls are served", VSI, Outcome.REACHED),
    ),
)
