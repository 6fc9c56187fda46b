"""The route through the public interface: the routing table looks right, the packets die on the internet."""

from lab import Call, Netlink, Outcome, Scenario, Step, topology

VSI, HOST = Call.private("vsi-1", "keys"), Netlink("vsi-1")

SCENARIO = Scenario(
    topology=topology("single_account", private_route=False),
    steps=(
        Step(
            "the route is added by the public gateway and interface",
            HOST.route("add", dst="166.9.0.0/16", gateway="198.18.0.9", oif="eth1"),
            Outcome.DONE,
        ),
        Step("the call is lost", VSI, Outcome.TIMED_OUT.because("internet.no-private-service")),
        Step(
            "it is replaced", HOST.route("replace", dst="166.9.0.0/16", gateway="10.65.0.65", oif="eth0"), Outcome.DONE
        ),
        Step("and the call is served", VSI, Outcome.REACHED),
    ),
)
