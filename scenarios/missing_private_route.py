"""A VSI without the 166.9.0.0/16 route silently goes nowhere; one route changes the verdict.

The name resolves, the token is good, the policy is open: the packets follow the default route out of
the public NIC and die at the internet's edge. The capture shows it.
"""

from lab import Call, Netlink, Outcome, Scenario, Step, topology

VSI = Call.private("vsi-1", "keys")

SCENARIO = Scenario(
    topology=topology("single_account", private_route=False),
    steps=(
        Step(
            "the VSI calls the private endpoint without the route",
            VSI,
            Outcome.TIMED_OUT.because("internet.no-private-service"),
        ),
        Step("the public endpoint works meanwhile", Call.public("vsi-1", "keys"), Outcome.REACHED),
        Step(
            "pyroute2 adds the route",
            Netlink("vsi-1").route("add", dst="166.9.0.0/16", gateway="10.65.0.65"),
            Outcome.DONE,
        ),
        Step("the same call is served", VSI, Outcome.REACHED),
        Step("pyroute2 takes it away again", Netlink("vsi-1").route("del", dst="166.9.0.0/16"), Outcome.DONE),
        Step("and the packets are lost again", VSI, Outcome.TIMED_OUT.because("internet.no-private-service")),
    ),
)
