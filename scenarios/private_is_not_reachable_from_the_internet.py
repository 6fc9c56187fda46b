"""The private endpoint's name resolves everywhere, and from the internet leads nowhere."""

from lab import Call, Outcome, Plane, Scenario, Step, topology

LOST = Outcome.TIMED_OUT.because("internet.no-private-service")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("the laptop dials the private key-management endpoint", Call.private("laptop", "keys"), LOST),
        Step("and IAM's private host", Call.token("laptop", "keys", Plane.PRIVATE), LOST),
        Step("its public endpoint works", Call.public("laptop", "keys"), Outcome.REACHED),
        Step("the VSI dials the same private name and is served", Call.private("vsi-1", "keys"), Outcome.REACHED),
    ),
)
