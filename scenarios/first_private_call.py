"""From a fresh account to the first key over the private endpoint, and then the door to the internet shut.

The heart of the procedure: VRF, service endpoints, the route on the VSI, the instance, a token, a root
key over the private endpoint, and at last private-only, seen from both sides.
"""

from lab import (
    Call,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    Netlink,
    Operation,
    Outcome,
    Plane,
    Policy,
    Provision,
    Scenario,
    SetPolicy,
    Step,
    topology,
)

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
ROUTE = Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
DONE, REACHED = Outcome.DONE, Outcome.REACHED
REFUSED = Outcome.UNAUTHORIZED.because("policy.private-only")

SCENARIO = Scenario(
    topology=topology("single_account", vrf=False, private_route=False, instance=False),
    steps=(
        Step("VRF is enabled: the account gets a routing table of its own", EnableVrf(account="acme"), DONE),
        Step("service endpoints are enabled", EnableServiceEndpoints(account="acme"), DONE),
        Step("an instance is provisioned", Provision(instance="keys", account="acme", region="us-south"), DONE),
        Step("it is initialised: the master key is loaded", Initialise(instance="keys"), DONE),
        Step(
            "without the route the VSI's packets leave by the wrong door",
            VSI,
            Outcome.TIMED_OUT.because("internet.no-private-service"),
        ),
        Step("the route to 166.9.0.0/16 is added on the VSI", ROUTE, DONE),
        Step("the VSI gets a token from IAM's private host", Call.token("vsi-1", "keys", Plane.PRIVATE), REACHED),
        Step("a root key is created over the private endpoint", VSI.to(Operation.CREATE), REACHED),
        Step("it is listed", VSI, REACHED),
        Step("it wraps a data key", VSI.to(Operation.WRAP), REACHED),
        Step("it unwraps it again", VSI.to(Operation.UNWRAP), REACHED),
        Step("the laptop still reaches the public endpoint", LAPTOP, REACHED),
        Step("the VSI sets the policy to private-only", SetPolicy(LOCK, by=VSI), REACHED),
        Step("the laptop is refused on key calls", LAPTOP, REFUSED),
        Step("and on the call that would undo the policy", SetPolicy(OPEN, by=LAPTOP), REFUSED),
        Step("the VSI is served as before", VSI, REACHED),
    ),
)
