"""After the delete command the policy is not enforced: both planes are told the same. A restore brings it back.

The page says only that the policy is not enforced. That a deleted instance is not found, and that a restore in time
brings back policy and keys, is assumed. The public door shows it: it says 401 before, 404 after, and 401 again. That
the master key is the one of before shows in what was wrapped and encrypted under it.
"""

from lab import (
    Call,
    DeleteInstance,
    Operation,
    Outcome,
    Policy,
    RestoreInstance,
    Scenario,
    SetPolicy,
    Step,
    topology,
)

LAPTOP, VSI = Call.public("laptop", "keys"), Call.private("vsi-1", "keys")
CRYPTO = Call.ep11_private("vsi-1", "keys")
LOCK, OPEN = Policy.PRIVATE_ONLY, Policy.PUBLIC_AND_PRIVATE
DONE, REACHED = Outcome.DONE, Outcome.REACHED
REFUSED, GONE = Outcome.UNAUTHORIZED.because("policy.private-only"), Outcome.NOT_FOUND.because("instance.deleted")
SERVED = REACHED.because("policy.private-endpoint-served")

SCENARIO = Scenario(
    topology=topology("single_account"),
    steps=(
        Step("a key is made", VSI.to(Operation.CREATE), REACHED),
        Step("it wraps a data key", VSI.to(Operation.WRAP), REACHED),
        Step("a key of GREP11 is made", CRYPTO.to(Operation.GENERATE_KEY), REACHED),
        Step("it encrypts", CRYPTO.to(Operation.ENCRYPT), REACHED),
        Step("the policy is set", SetPolicy(LOCK, by=VSI), REACHED),
        Step("before: the laptop is refused", LAPTOP, REFUSED),
        Step("and the VSI served", VSI, SERVED),
        Step("the instance is deleted", DeleteInstance(instance="keys"), DONE),
        Step("after: no policy refuses the laptop any more; there is nothing", LAPTOP, GONE),
        Step("as for the VSI", VSI, GONE),
        Step("nor is there a policy to change", SetPolicy(OPEN, by=LAPTOP), GONE),
        Step("it is restored in time", RestoreInstance(instance="keys"), DONE),
        Step("the laptop is refused again", LAPTOP, REFUSED),
        Step("the VSI is served", VSI, SERVED),
        Step("and reads its key", VSI.to(Operation.GET), SERVED),
        Step("what was wrapped before is unwrapped", VSI.to(Operation.UNWRAP), SERVED),
        Step("and what was encrypted is decrypted", CRYPTO.to(Operation.DECRYPT), REACHED),
    ),
)
