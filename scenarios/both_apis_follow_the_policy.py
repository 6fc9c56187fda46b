"""Key management and GREP11 are served on both planes; after private-only both are refused outside, whole."""

from lab import Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, topology

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
CRYPTO_INSIDE, CRYPTO_OUTSIDE = Call.ep11_private("vsi-1", "keys"), Call.ep11_public("laptop", "keys")
REFUSED = Outcome.UNAUTHORIZED.because("policy.both-apis")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("the laptop makes a GREP11 key", CRYPTO_OUTSIDE.to(Operation.GENERATE_KEY), Outcome.REACHED),
        Step("it encrypts with it", CRYPTO_OUTSIDE.to(Operation.ENCRYPT), Outcome.REACHED),
        Step("it lists keys by key management", LAPTOP, Outcome.REACHED),
        Step("the VSI decrypts with the same key, inside", CRYPTO_INSIDE.to(Operation.DECRYPT), Outcome.REACHED),
        Step("private-only is set by key management", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), Outcome.REACHED),
        Step("key management refuses the laptop", LAPTOP, Outcome.UNAUTHORIZED.because("policy.private-only")),
        Step("GREP11 refuses it as well", CRYPTO_OUTSIDE, REFUSED),
        Step("making a key is refused", CRYPTO_OUTSIDE.to(Operation.GENERATE_KEY), REFUSED),
        Step("encrypting is refused", CRYPTO_OUTSIDE.to(Operation.ENCRYPT), REFUSED),
        Step("decrypting is refused", CRYPTO_OUTSIDE.to(Operation.DECRYPT), REFUSED),
        Step("the VSI is refused at the public endpoint", Call.ep11_public("vsi-1", "keys"), REFUSED),
        Step("inside key management serves", VSI, Outcome.REACHED),
        Step("and so does GREP11", CRYPTO_INSIDE.to(Operation.DECRYPT), Outcome.REACHED),
        Step("both planes are allowed again", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=VSI), Outcome.REACHED),
        Step("and GREP11 serves the laptop again", CRYPTO_OUTSIDE.to(Operation.DECRYPT), Outcome.REACHED),
    ),
)
