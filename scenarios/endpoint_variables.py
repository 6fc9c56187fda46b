"""Where each value of KP_PRIVATE_ADDR leads ibmcloud kp; docs/endpoint-variables.md is the table of it."""

from lab import Call, Initialise, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

PUBLIC, PRIVATE = "api.us-south.hs-crypto.cloud.ibm.com", "api.private.us-south.hs-crypto.cloud.ibm.com"
EP11 = "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043"


def kp(address: str | None, by: str = "vsi-1") -> Call:
    """Return what ``ibmcloud kp keys`` asks on a host where the variable has this value."""
    return Call.kp(by, "keys", address=address)


UNKNOWN = Outcome.UNAUTHORIZED.because("door.other-instance")
UNSENT = Outcome.NOT_SENT.because("client.no-scheme")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")
LOCKED = Outcome.UNAUTHORIZED.because("policy.private-only")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("a second instance", Provision(instance="archive", account="acme", region="us-south"), Outcome.DONE),
        Step("is initialised", Initialise(instance="archive"), Outcome.DONE),
        Step("unset: Key Protect is asked", kp(None), UNKNOWN),
        Step("the public URL", kp(f"https://{PUBLIC}:9042"), Outcome.REACHED),
        Step("the private URL", kp(f"https://{PRIVATE}:9042"), Outcome.REACHED),
        Step("another instance's port", kp(f"https://{PRIVATE}:9044"), UNKNOWN),
        Step("as the instance document has it, without a scheme", kp(f"{PRIVATE}:9042"), UNSENT),
        Step("the document's ep11 value for its kms one", kp(EP11), UNSENT),
        Step("the same with a scheme", kp(f"https://{EP11}"), Outcome.TLS_FAILED.because("ep11.speaks-grpc")),
        Step("the public URL outside", kp(f"https://{PUBLIC}:9042", "laptop"), Outcome.REACHED),
        Step("the private URL outside", kp(f"https://{PRIVATE}:9042", "laptop"), LOST),
        Step("private-only is set", SetPolicy(Policy.PRIVATE_ONLY, by=kp(f"https://{PRIVATE}:9042")), Outcome.REACHED),
        Step("the public URL after that", kp(f"https://{PUBLIC}:9042"), LOCKED),
        Step("the private URL after that", kp(f"https://{PRIVATE}:9042"), Outcome.REACHED),
    ),
)
