"""VSI or test machine: gateway and interface are the machine's own, such as eth10; the step is the same."""

from lab import Call, Netlink, Outcome, Scenario, Step, topology

MACHINE, HOST = Call.private("vsi-1", "keys"), Netlink("vsi-1")
BY_ETH11 = HOST.route("add", dst="166.9.0.0/16", gateway="198.18.0.9", oif="eth11")
BY_ETH10 = HOST.route("replace", dst="166.9.0.0/16", gateway="10.65.0.65", oif="eth10")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")

SCENARIO = Scenario(
    topology=topology("single_account", private_interface="eth10", public_interface="eth11", private_route=False),
    steps=(
        Step("without the route the call is lost", MACHINE, LOST),
        Step("the route by eth11, which is the public interface here", BY_ETH11, Outcome.DONE),
        Step("does not help", MACHINE, LOST),
        Step("the page's example: by eth10", BY_ETH10, Outcome.DONE),
        Step("the call is served", MACHINE, Outcome.REACHED),
    ),
)
