"""A route that was added by hand is gone after a reboot; one in the network configuration comes back.

The page's command changes the kernel's table, and that is memory. The call that worked yesterday is lost today, out of
the public NIC and without a word, until the route stands in the VSI's configuration as well.
"""

from lab import Call, Netlink, Outcome, Reboot, SaveRoutes, Scenario, Step, topology

VSI, HOST = Call.private("vsi-1", "keys"), Netlink("vsi-1")
ROUTE = HOST.route("add", dst="166.9.0.0/16", gateway="10.65.0.65")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")
DONE, REACHED = Outcome.DONE, Outcome.REACHED

SCENARIO = Scenario(
    topology=topology("single_account", private_route=False),
    steps=(
        Step("the route is added by hand", ROUTE, DONE),
        Step("and the call is served", VSI, REACHED),
        Step("the VSI is rebooted", Reboot(host="vsi-1"), DONE),
        Step("the route is gone, and the call with it", VSI, LOST),
        Step("what its configuration had is there", Call.public("vsi-1", "keys"), REACHED),
        Step("the route is added again", ROUTE, DONE),
        Step("and saved", SaveRoutes(host="vsi-1"), DONE),
        Step("another reboot", Reboot(host="vsi-1"), DONE),
        Step("leaves the call alone", VSI, REACHED),
        Step("a saved route that is deleted by hand", HOST.route("del", dst="166.9.0.0/16"), DONE),
        Step("is missing", VSI, LOST),
        Step("until the next reboot", Reboot(host="vsi-1"), DONE),
        Step("brings it back", VSI, REACHED),
    ),
)
