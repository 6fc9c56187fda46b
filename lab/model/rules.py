"""The rule catalogue: everything that the product's page states, and what follows or had to be assumed.

A verdict's cause is an id of this table. ``docs/rules.md`` is generated from it (``python -m
lab.model.rules``). The page is "Using service endpoints to privately connect to Hyper Protect Crypto
Services"; sections are its anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PAGE = "https://cloud.ibm.com/docs/hs-crypto?topic=hs-crypto-secure-connection"


class Mark(Enum):
    """How a rule is known."""

    DOCUMENTED = "documented"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``reason`` says whence it is derived or why it is assumed; empty if the page says it.

    ``decides`` is true for rules that can be the cause of a verdict in this version.
    """

    id: str
    statement: str
    section: str
    mark: Mark
    reason: str = ""
    decides: bool = False


def _documented(id_: str, section: str, statement: str, *, decides: bool = False) -> Rule:
    return Rule(id=id_, statement=statement, section=section, mark=Mark.DOCUMENTED, decides=decides)


def _derived(id_: str, section: str, statement: str, reason: str, *, decides: bool = True) -> Rule:
    return Rule(id=id_, statement=statement, section=section, mark=Mark.DERIVED, reason=reason, decides=decides)


def _assumed(id_: str, section: str, statement: str, reason: str, *, decides: bool = True) -> Rule:
    return Rule(id=id_, statement=statement, section=section, mark=Mark.ASSUMED, reason=reason, decides=decides)


def _service(id_: str, statement: str, reason: str) -> Rule:
    """Return an assumption about an API's answers, on which no verdict rests."""
    return _assumed(f"service.{id_}", _STEP6, statement, reason, decides=False)


_TOP, _POLICY, _BOTH, _ONLY = (
    "secure-connection",
    "understand-network-access-policies",
    "public-and-private",
    "private-only",
)
_BEFORE, _STEP1, _STEP2 = "private-endpoint-prereqs", "configure-network", "service-endpoint-private-endpoints"
_STEP3, _STEP4, _STEP5 = "target-tke-private-endpoint", "secure-connection-key-ceremony", "target-internal-endpoint"
_STEP6 = "Test-private-connection"

CATALOGUE = (
    _documented("private.off-internet", _TOP, "Private routes are neither accessible nor reachable over the internet."),
    _documented("policy.exists", _POLICY, "A network access policy can block an instance from getting API requests from public or private networks."),
    _documented("policy.new-and-existing", _POLICY, "It applies to newly provisioned and to existing instances."),
    _documented("policy.enforced-once-set", _POLICY, "For an existing instance it is enforced after it is set."),
    _documented("policy.two-options", _POLICY, "There are two options: public and private network access, and private network access only."),
    _documented("policy.public-and-private", _BOTH, "With public-and-private the instance accepts API requests from both endpoints.", decides=True),
    _documented("policy.default", _BOTH, "Public and private network access is the default and holds where no policy is set.", decides=True),
    _documented("policy.private-endpoint-served", _ONLY, "With private-only the instance accepts API requests from private endpoints.", decides=True),
    _documented("policy.private-only", _ONLY, "With private-only no API call can be made from the public network, the call to change the policy included.", decides=True),
    _documented("policy.environment-first", _ONLY, "The private environment should stand before the policy is set to private-only."),
    _documented("policy.needs-initialised", _ONLY, "Before the network access policy is updated the instance must be initialised.", decides=True),
    _documented("policy.at-provisioning", _ONLY, "The option can be chosen when an instance is provisioned, by UI or CLI."),
    _documented("policy.updated-later", _ONLY, "It can be updated after provisioning and initialisation."),
    _documented("policy.not-in-the-ui", _ONLY, "Under private-only the UI manages no keys; the policy is switched by CLI or API."),
    _documented("policy.not-enforced-after-delete", _ONLY, "The policy is not enforced after the command to delete the instance is issued."),
    _documented("policy.both-apis", _ONLY, "It affects the key management API and the GREP11 and PKCS #11 APIs: with private-only a public GREP11 call is refused as well.", decides=True),
    _documented("account.vrf-first", _BEFORE, "The infrastructure account must be enabled for VRF."),
    _documented("account.own-table", _BEFORE, "Enabling VRF creates a separate routing table for the account, routed separately."),
    _documented("account.vrf-one-way", _BEFORE, "VRF cannot be disabled once enabled."),
    _documented("account.service-endpoints", _BEFORE, "The infrastructure account must be enabled for service endpoints."),
    _documented("account.private-ip", _BEFORE, "With service endpoints the service is reached by a private IP that is accessible only through the private network."),
    _documented("account.all-instances", _BEFORE, "Once they are enabled, all existing and future instances are available from both endpoints."),
    _documented("host.private-route", _STEP1, "A VSI or test machine needs a route to 166.9.0.0/16 through its private gateway."),
    _documented("host.any-interface", _STEP1, "Gateway and interface are the machine's own, such as 10.x.x.x and eth10."),
    _documented("host.verify-route", _STEP1, "The new route can be verified by displaying the routing table."),
    _derived("host.route-refused", _STEP1, "A machine's kernel refuses a route that it cannot place, such as one by the gateway of another subnet.", "Linux wants a gateway that is a neighbour, adds no second route to a network and deletes none that is not there."),
    _derived("host.no-neighbour", _STEP1, "A packet whose next hop nobody on the link answers for does not leave the machine.", "The kernel takes any address of its own subnet as a gateway, asks for its hardware address in vain, and says EHOSTUNREACH after three seconds."),
    _derived("host.route-not-kept", _STEP1, "A route that was added by hand is gone after a reboot; one in the machine's network configuration stays.", "The page's command changes the kernel's table, which is memory.", decides=False),
    _documented("instance.policy-choice", _STEP2, "private-only or public-and-private is chosen at provisioning and can always be updated later."),
    _documented("tke.login", _STEP3, "A login that fails is repeated with --sso; a federated ID requires it and gets a one-time passcode."),
    _documented("tke.private-addr", _STEP3, "TKE_PRIVATE_ADDR sets the TKE endpoint, public or private, by region."),
    _documented("tke.unset-is-public", _STEP3, "The public TKE endpoint is used when TKE_PRIVATE_ADDR is unset or names it."),
    _documented("instance.initialise-privately", _STEP4, "An instance provisioned private-only is initialised, as everything after, in the private network."),
    _documented("instance.initialise-publicly", _STEP4, "An instance provisioned public-and-private can be initialised in a public network."),
    _documented("instance.initialise-ways", _STEP4, "Initialisation uses key part files, or smart cards and the Management Utilities."),
    _documented("ep11.endpoint", _STEP5, "GREP11 needs only its endpoint switched to the private one."),
    _documented("account.show", _STEP5, "`ibmcloud account show` tells whether service endpoints are enabled."),
    _documented("kms.private-addr", _STEP5, "KP_PRIVATE_ADDR sets the key-management endpoint, public or private, with the instance's port."),
    _derived("client.no-scheme", _STEP5, "Of an address without https:// the tools make no request.", "The page's values carry a scheme, the instance document's do not; an HTTP client's URL needs one."),
    _derived("ep11.speaks-grpc", _STEP5, "An EP11 endpoint speaks gRPC over HTTP/2 only: a key-management client that is led there gets no answer.", "GREP11 is gRPC; the instance document lists both, and they look alike."),
    _assumed("kms.unset-is-key-protect", _STEP5, "With KP_PRIVATE_ADDR unset the tool asks the public endpoint of Key Protect in the targeted region, which has no instance of this service.", "The page sets the variable for the public endpoint too; what the tool does without it is not published there.", decides=False),
    _assumed("door.other-instance", _STEP5, "An endpoint refuses a request for an instance that is not its own with the common 401.", "Instances of a region share a name and differ by port; a longer text seen in the field says that the 401 may mean this."),
    _documented("kms.discovery", _STEP5, "The instance document lists host and port of kms and ep11, public and private."),
    _documented("kms.root-key", _STEP6, "The private connection is tested by creating a root key at the private endpoint and listing keys."),
    _derived("host.no-route", _STEP1, "A host without any route to the address sends nothing.", "Linux answers ENETUNREACH before a packet is made."),
    _derived("host.resolver", _STEP1, "A host that cannot reach its resolver finds no name.", "VSIs ask 161.26.0.10 over the private NIC, internet hosts a public resolver; what keeps the query from it is the cause.", decides=False),
    _derived("gateway.firewall", _STEP1, "A gateway appliance in front of a VSI drops packets for the services that its firewall does not permit, silently.", "The route leads to the subnet's gateway; where that is an appliance of the customer's, its firewall decides before the edge does."),
    _derived("internet.no-private-service", _TOP, "A packet for 166.8.0.0/14 on the internet dies at its edge.", "Private routes are not reachable over the internet; without the 166.9.0.0/16 route a VSI's packets follow the default route out of the public NIC."),
    _derived("internet.no-private-address", _TOP, "Private addresses are not carried on the internet.", "RFC 1918 space and 161.26.0.0/16 belong to the private backbone."),
    _derived("door.served", _STEP6, "The service answered; no policy applies to this surface.", "The network access policy belongs to instances; IAM is none."),
    _derived("door.other-account", _POLICY, "A token of one account opens no instance of another.", "IAM roles are granted within an account; the answer is that of a missing role."),
    _derived("key.unknown", _STEP6, "A key that the instance does not hold is not found.", "Key-management API, KEY_NOT_FOUND_ERR."),
    _derived("key.foreign-blob", _STEP5, "A GREP11 key that the instance's master key did not seal is refused.", "GREP11 keeps no keys: a client's key is a blob wrapped by the instance's master key, and CKR_IBM_BLOB_ERROR names one that is none."),
    _derived("operator.done", _BEFORE, "The lab's operator carried the change out.", "VRF, service endpoints, provisioning and initialisation have no API in this lab yet."),
    _assumed("edge.no-vrf", _BEFORE, "Packets of an account without VRF for the service network are dropped at the backbone's edge, silently.", "The page makes VRF a prerequisite; how the packets die is not published."),
    _assumed("edge.no-service-endpoint", _BEFORE, "With VRF but without service endpoints the account's table has no way to the service network; its packets are lost silently.", "The page makes service endpoints a prerequisite; how the packets die is not published."),
    _assumed("edge.direct-link", _BEFORE, "A Direct Link carries no packet to the services: the edge drops what comes over it for 166.8.0.0/14 or 161.26.0.0/16, silently.", "The provider's Direct Link pages send such clients through a reverse proxy on a VSI; how the packets die is not published."),
    _assumed("edge.other-account", _BEFORE, "Accounts do not reach each other's private addresses.", "The page speaks of separate routing; accounts without VRF share a table and are kept apart by filters.", decides=False),
    _assumed("edge.unroutable", _BEFORE, "The private network carries private traffic only: the edge refuses packets for any other address as unreachable.", "The page sends 166.9.0.0/16 by the private gateway and nothing else; how others are refused is not published."),
    _assumed("zone.down", _BEFORE, "The private addresses of a zone that is down answer nothing; packets for them are lost silently.", "A private name has an address in each of three zones; how the loss of one looks is not published, and silence is the hardest case for clients."),
    _assumed("key.deleted", _STEP6, "A deleted key is gone: reading it is 410 KEY_DELETED_ERR, using it 409.", "The code is documented for a second delete, the state for actions."),
    _assumed("instance.deleted", _ONLY, "A deleted instance is not found, on either plane.", "The page says that the policy is not enforced after the delete; what is answered instead is not published."),
    _assumed("instance.restored", _ONLY, "An instance that is restored in time has its policy, master key and keys as before the delete, and the policy is enforced again.", "Reclamation is documented for the platform; what it brings back of this product is not published.", decides=False),
    _assumed("instance.not-initialised", _STEP4, "An uninitialised instance answers every key call with 400 and CKR_IBM_WK_NOT_INITIALIZED.", "The text is documented for key operations; the status for listing is not."),
    _service("grep11-refusal", "A GREP11 call that the policy, a missing role or a token forbids gets UNAUTHENTICATED with CKR_IBM_GREP11_NOT_AUTHENTICATED: one answer for all three.", "That the policy affects GREP11 is documented, what a refused caller sees is not; it follows the key-management API, whose refusals are alike."),
    _service("grep11-status", "A GREP11 error that is PKCS #11's own (master key, blob, mechanism) has the gRPC status UNKNOWN and says its code in the one Grep11Error; a deleted instance is NOT_FOUND with CKR_TOKEN_NOT_PRESENT.", "The detail is documented; its status is seen as Unknown in transcripts only, and nothing is published of a deleted instance."),
    _service("grep11-roles", "Every role may use GREP11.", "Which role each function needs is not told apart in this version."),
    _service("grep11-blob", "A key blob is sealed by AES-256-GCM under the master key and bound to the instance's id.", "The crypto unit's own format is not published; clients treat it as opaque."),
    _service("token-signature", "Tokens are signed with ES256; the product signs with RS256.", "An RSA key costs a lab 100 ms; no client of the lab verifies the signature by algorithm."),
    _service("unknown-instance", "A request for an instance that is unknown, or not the door's, gets the common 401.", "A longer text seen in the field says that it may be any of these."),
    _service("missing-role", "A missing role is 401 on every call, listing included.", "The error page says so; the page on listing describes an empty list."),
    _service("bad-token", "Every unusable token is 401.", "A 400 is documented for tokens without a subject only."),
    _service("missing-header", "A request without the Bluemix-Instance header is 400, asked after the policy.", "The header is documented as required; its error is not."),
    _service("ciphertext", "A wrapped key is base64 of a JSON document with ciphertext, iv, version and handle.", "Published samples show only how it begins."),
    _service("media-types", "Answers to wrap and unwrap carry the action's vendor type.", "Clients depend on its not being application/json; which one it is is not published."),
    _service("other-policies", "Instance policies other than allowedNetwork are 403 FEATURE_RESTRICTED_ERR.", "They belong to a later version of the lab."),
    _service("alias-clash", "An alias that is taken is 409.", "The code is not published."),
)  # fmt: skip

LOGGED_AS = {
    "policy.needs-initialised": "instance.not-initialised",
    "policy.both-apis": "policy.private-only",
    "key.deleted": "key.state",
    "door.other-instance": "instance.unknown",
}
"""What the services' log calls a rule, where that is another name: theirs are about states, the page's about calls."""
BY_ID = {rule.id: rule for rule in CATALOGUE}


def markdown() -> str:
    """Return ``docs/rules.md``: the catalogue as a table, with what is assumed first in line of sight."""
    counts = {mark: sum(rule.mark is mark for rule in CATALOGUE) for mark in Mark}
    lines = [
        "# Rules",
        "",
        "Generated from `lab/model/rules.py` by `python -m lab.model.rules > docs/rules.md`; do not edit.",
        "",
        f"Source: [the product's page]({PAGE}); sections are its anchors. "
        + ", ".join(f"{count} {mark.value}" for mark, count in counts.items())
        + ". A rule in bold can be the cause of a verdict.",
        "",
        "| rule | section | mark | statement | whence, or why assumed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in CATALOGUE:
        name = f"**`{rule.id}`**" if rule.decides else f"`{rule.id}`"
        cells = (name, f"`{rule.section}`", rule.mark.value, rule.statement, rule.reason or "the page")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
