"""The gateway of the wrong subnet: the kernel refuses the obvious mistake, and believes the other one.

Each VSI stands on a subnet of its own. The gateway of another one's is no neighbour, and the kernel says so at once.
An address of its own subnet that no router has is taken without a word, and everything sent by it goes nowhere.
"""

from lab import Call, Netlink, Outcome, Scenario, Step, topology

VSI, ROUTE = Call.private("vsi-1", "keys"), Netlink("vsi-1").route
NEIGHBOURS, NOBODYS, OWN = "10.65.0.129", "10.65.0.126", "10.65.0.65"
DONE, REFUSED = Outcome.DONE, Outcome.CONFLICT.because("host.route-refused")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")

SCENARIO = Scenario(
    topology=topology("single_account", vsis=2, private_route=False),
    steps=(
        Step("the route by the gateway of vsi-2", ROUTE("add", dst="166.9.0.0/16", gateway=NEIGHBOURS), REFUSED),
        Step("and by eth0", ROUTE("add", dst="166.9.0.0/16", gateway=NEIGHBOURS, oif="eth0"), REFUSED),
        Step("so the call goes where it went: nowhere", VSI, LOST),
        Step("by an address that nobody has", ROUTE("add", dst="166.9.0.0/16", gateway=NOBODYS), DONE),
        Step("nothing leaves the VSI", VSI.impatient(), Outcome.REJECTED.because("host.no-neighbour")),
        Step("the public endpoint works meanwhile", Call.public("vsi-1", "keys"), Outcome.REACHED),
        Step("the right gateway in its place", ROUTE("replace", dst="166.9.0.0/16", gateway=OWN), DONE),
        Step("and the call is served", VSI, Outcome.REACHED),
    ),
)
