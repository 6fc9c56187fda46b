"""A private name has three addresses, one in each zone: when a zone dies, a client that tries the next is served.

One that tries only the first waits in vain, although nothing is wrong with its account, its route or the policy.
"""

from lab import BringZoneBack, Call, Outcome, Plane, Scenario, Step, TakeZoneDown, topology

VSI = Call.private("vsi-1", "keys")
DONE, REACHED, LOST = Outcome.DONE, Outcome.REACHED, Outcome.TIMED_OUT.because("zone.down")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("all zones answer: the first address will do", VSI.impatient(), REACHED),
        Step("the first zone goes down", TakeZoneDown(zone="us-south-1"), DONE),
        Step("a client that tries only the first address waits in vain", VSI.impatient(), LOST),
        Step("one that tries the next is served", VSI, REACHED),
        Step("it gets its token in the same way", Call.token("vsi-1", "keys", Plane.PRIVATE), REACHED),
        Step("the public endpoint is elsewhere", Call.public("laptop", "keys"), REACHED),
        Step("the second zone goes down as well", TakeZoneDown(zone="us-south-2"), DONE),
        Step("the third serves", VSI, REACHED),
        Step("the first comes back", BringZoneBack(zone="us-south-1"), DONE),
        Step("and the impatient client with it", VSI.impatient(), REACHED),
    ),
)
