"""Where each value of KP_PRIVATE_ADDR and TKE_PRIVATE_ADDR leads its tool; docs/endpoint-variables.md is the table."""

from lab import Call, Initialise, Outcome, Policy, Provision, Scenario, SetPolicy, Step, topology

TKE_PUBLIC, TKE_PRIVATE = "tke.us-south.hs-crypto.cloud.ibm.com", "tke.private.us-south.hs-crypto.cloud.ibm.com"
TKE_ELSEWHERE = "tke.private.eu-de.hs-crypto.cloud.ibm.com"
PUBLIC, PRIVATE = "api.us-south.hs-crypto.cloud.ibm.com", "api.private.us-south.hs-crypto.cloud.ibm.com"
EP11 = "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043"


def kp(address: str | None, by: str = "vsi-1") -> Call:
    """Return what ``ibmcloud kp keys`` asks on a host where the variable has this value."""
    return Call.kp(by, "keys", address=address)


def tke(address: str | None, by: str = "vsi-1", instance: str = "keys") -> Call:
    """Return what ``ibmcloud tke cryptounits`` asks on a host where the variable has this value."""
    return Call.tke(by, instance, address=address)


UNKNOWN = Outcome.UNAUTHORIZED.because("door.other-instance")
UNSENT = Outcome.NOT_SENT.because("client.no-scheme")
LOST = Outcome.TIMED_OUT.because("internet.no-private-service")
SPEAKS_GRPC, UNSEEN = Outcome.TLS_FAILED.because("ep11.speaks-grpc"), Outcome.NOT_LISTED.because("tke.left-out")
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
        Step("the same with a scheme", kp(f"https://{EP11}"), SPEAKS_GRPC),
        Step("the public URL outside", kp(f"https://{PUBLIC}:9042", "laptop"), Outcome.REACHED),
        Step("the private URL outside", kp(f"https://{PRIVATE}:9042", "laptop"), LOST),
        Step("an instance in another region", Provision(instance="far", account="acme", region="eu-de"), Outcome.DONE),
        Step("unset: the public endpoint is asked", tke(None), Outcome.REACHED),
        Step("the public URL", tke(f"https://{TKE_PUBLIC}"), Outcome.REACHED),
        Step("the private URL", tke(f"https://{TKE_PRIVATE}"), Outcome.REACHED),
        Step("another region's", tke(f"https://{TKE_ELSEWHERE}"), UNKNOWN),
        Step("which knows that region's own", tke(f"https://{TKE_ELSEWHERE}", instance="far"), Outcome.REACHED),
        Step("without a scheme", tke(TKE_PRIVATE), UNSENT),
        Step("the document's ep11 value, with a scheme", tke(f"https://{EP11}"), SPEAKS_GRPC),
        Step("the private URL outside", tke(f"https://{TKE_PRIVATE}", "laptop"), LOST),
        Step("private-only is set", SetPolicy(Policy.PRIVATE_ONLY, by=kp(f"https://{PRIVATE}:9042")), Outcome.REACHED),
        Step("the public URL after that", kp(f"https://{PUBLIC}:9042"), LOCKED),
        Step("unset after that: the units are missing", tke(None), UNSEEN),
        Step("the private URL after that", tke(f"https://{TKE_PRIVATE}"), Outcome.REACHED),
        Step("the private URL after that", kp(f"https://{PRIVATE}:9042"), Outcome.REACHED),
    ),
)
