"""A /24 instead of 166.9.0.0/16: whether it works depends on the zone that the name happens to lead to.

A private name has an address in each of three zones. A route to one of them serves the clients that try
on, after a long wait for the first; a route to none of them serves nobody; and IAM may be elsewhere.
"""

from lab import Call, Netlink, Outcome, Scenario, Step, topology

VSI, GATEWAY = Call.private("vsi-1", "keys"), "10.65.0.65"
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")
HOST = Netlink("vsi-1")

SCENARIO = Scenario(
    topology=topology("single_account", private_route=False),
    steps=(
        Step(
            "a /24 that holds none of the zones", HOST.route("add", dst="166.9.1.0/24", gateway=GATEWAY), Outcome.DONE
        ),
        Step("serves nobody", VSI, LOST),
        Step("a /24 of the second zone", HOST.route("add", dst="166.9.14.0/24", gateway=GATEWAY), Outcome.DONE),
        Step("serves a client that tries the second address", VSI, Outcome.REACHED),
        Step("it goes away", HOST.route("del", dst="166.9.14.0/24", gateway=GATEWAY), Outcome.DONE),
        Step("the page's /16", HOST.route("add", dst="166.9.0.0/16", gateway=GATEWAY), Outcome.DONE),
        Step("serves everybody", VSI, Outcome.REACHED),
    ),
)
