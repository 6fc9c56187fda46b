"""Service endpoints and the policy hold for instances made before and after: on both planes, from that moment.

One instance exists when service endpoints are enabled, another is provisioned afterwards.
"""

from lab import (
    Call,
    EnableServiceEndpoints,
    Initialise,
    Outcome,
    Policy,
    Provision,
    Scenario,
    SetPolicy,
    Step,
    topology,
)

OLD, NEW = Call.private("vsi-1", "keys"), Call.private("vsi-1", "later")
OUTSIDE_OLD, OUTSIDE_NEW = Call.public("laptop", "keys"), Call.public("laptop", "later")
DONE, REACHED = Outcome.DONE, Outcome.REACHED
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")

SCENARIO = Scenario(
    topology=topology("single_account", service_endpoints=False),
    steps=(
        Step("before, the private side reaches nothing", OLD, Outcome.TIMED_OUT.because("edge.no-service-endpoint")),
        Step("service endpoints are enabled", EnableServiceEndpoints(account="acme"), DONE),
        Step("the existing instance answers privately", OLD, REACHED),
        Step("and publicly", OUTSIDE_OLD, REACHED),
        Step("another is provisioned", Provision(instance="later", account="acme", region="us-south"), DONE),
        Step("and initialised", Initialise(instance="later"), DONE),
        Step("it answers privately", NEW, REACHED),
        Step("and publicly", OUTSIDE_NEW, REACHED),
        Step("the policy is set on the existing one", SetPolicy(Policy.PRIVATE_ONLY, by=OLD), REACHED),
        Step("from then on it refuses the laptop", OUTSIDE_OLD, REFUSED),
        Step("the other one does not", OUTSIDE_NEW, REACHED),
    ),
)
