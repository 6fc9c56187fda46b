"""Two accounts with VRF have equal private addresses, and each reaches its own instance only.

acme's and globex's first VSI stand at 10.240.0.4, in the same subnet, behind the same gateway address: in two routing
tables. A stranger's token opens nothing, a stranger's VSI is no gateway, and what one account sets is not the other's.

A stolen API key opens what it is for, as everywhere: the network access policy asks by which door a call comes, not who
sent it from whose network. So private-only shuts out a thief on the internet, and none who has a VSI of his own in the
cloud: the private door is open to every account's network.
"""

from lab import Call, Netlink, Operation, Outcome, Policy, Scenario, SetPolicy, Step, topology

ACME, GLOBEX = Call.private("vsi-1", "keys"), Call.private("globex-vsi-1", "globex-keys")
LAPTOP, GLOBEX_LAPTOP = Call.public("laptop", "keys"), Call.public("globex-laptop", "globex-keys")
REACHED, DEFAULT = Outcome.REACHED, Outcome.REACHED.because("policy.default")
STRANGER = Outcome.UNAUTHORIZED.because("door.other-account")
LOCKED = Outcome.UNAUTHORIZED.because("policy.private-only")
ROUTE = Netlink("vsi-1").route

SCENARIO = Scenario(
    topology=topology("overlapping_accounts"),
    steps=(
        Step("acme's VSI is served", ACME, DEFAULT),
        Step("and globex's, from the same address", GLOBEX, DEFAULT),
        Step("acme makes a key", ACME.to(Operation.CREATE), REACHED),
        Step("globex has none of that name", GLOBEX.to(Operation.GET), Outcome.NOT_FOUND.because("key.unknown")),
        Step("acme's token opens nothing of globex's", Call.private("vsi-1", "globex-keys"), STRANGER),
        Step("nor globex's of acme's", Call.private("globex-vsi-1", "keys"), STRANGER),
        Step(
            "globex's second VSI is no gateway of acme's",
            ROUTE("replace", dst="166.9.0.0/16", gateway="10.240.0.68"),
            Outcome.CONFLICT.because("host.route-refused"),
        ),
        Step("a route by the link alone is taken", ROUTE("replace", dst="166.9.0.0/16", oif="eth0"), Outcome.DONE),
        Step(
            "and finds nobody, whoever answers for globex",
            ACME.impatient(),
            Outcome.REJECTED.because("host.no-neighbour"),
        ),
        Step("by its own gateway", ROUTE("replace", dst="166.9.0.0/16", gateway="10.240.0.1"), Outcome.DONE),
        Step("acme is served again", ACME, DEFAULT),
        Step("acme shuts its public door", SetPolicy(Policy.PRIVATE_ONLY, by=ACME), REACHED),
        Step("acme's laptop, or who stole its key, is turned away", LAPTOP, LOCKED),
        Step("globex's is not", GLOBEX_LAPTOP, DEFAULT),
        Step("nor does globex's VSI notice", GLOBEX, DEFAULT),
        Step("acme's is served", ACME, Outcome.REACHED.because("policy.private-endpoint-served")),
    ),
)
