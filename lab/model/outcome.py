"""What a client saw, typed across all layers, and what a verdict is made of.

Outcomes say what reached the client, never why: a policy's refusal and a missing role are both
``UNAUTHORIZED`` on the wire. The *cause*, a rule id of ``lab.model.rules``, is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What the client saw. Values are the names that ``--json`` prints."""

    REACHED = "reached"
    DONE = "done"
    """Not a call: the lab's operator changed something, and reading it back showed the change."""
    NOT_SENT = "not-sent"
    """The client gave up before it sent anything: it can make no request of what it was told."""
    NO_NAME = "no-name"
    NO_ROUTE = "no-route"
    TIMED_OUT = "timed-out"
    REJECTED = "rejected"
    REFUSED = "refused"
    TLS_FAILED = "tls-failed"
    NOT_LISTED = "not-listed"
    """Answered as if all were well, and what was asked for is not in the list."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad-request"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    GONE = "gone"

    def because(self, rule: str) -> Expectation:
        """Return this outcome, expected for the reason ``rule`` (a rule id such as ``policy.private-only``)."""
        return Expectation(outcome=self, cause=rule)


DENIED_AT_THE_DOOR = frozenset({
    Outcome.NOT_LISTED, Outcome.UNAUTHORIZED, Outcome.FORBIDDEN, Outcome.BAD_REQUEST,
    Outcome.NOT_FOUND, Outcome.CONFLICT, Outcome.GONE,
})  # fmt: skip
"""Outcomes that an answering service gave; every other denial happened on the way."""


class Denial(Enum):
    """What the author of a test may state without saying which: anything but a success."""

    DENIED = "denied"


class Traffic(Enum):
    """What was seen of the packets that left a host over a while."""

    PRIVATE = "no-public-packets"
    PUBLIC = "public-packets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an author states for a step; ``cause`` is None where only the outcome is stated."""

    outcome: Outcome | Denial | Traffic
    cause: str | None = None

    def met_by(self, seen: Outcome | Traffic) -> bool:
        """Say whether ``seen`` is what is stated; the cause is another question."""
        if self.outcome is Denial.DENIED:
            return seen not in {Outcome.REACHED, Outcome.DONE}
        return seen is self.outcome


class Prerequisite(Enum):
    """What must be right for a private call, in the order in which the page asks for it."""

    VRF = "vrf"
    SERVICE_ENDPOINTS = "service-endpoints"
    ROUTE = "route"
    FIREWALL = "firewall"
    """Not the page's: that of a gateway appliance on the route."""
    INSTANCE = "instance"
    INITIALISED = "initialised"
    ENDPOINT = "endpoint"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One place on the way: ``place`` is a node or door, ``fact`` what was decided there."""

    place: str
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The oracle's answer: outcome, deciding rule, the way there, and what to mend first."""

    outcome: Outcome
    cause: str
    hops: tuple[Hop, ...] = ()
    missing: Prerequisite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One observation behind a measured outcome.

    ``kind``: errno, left, route-lookup, neighbour, drop, translated, arrived, not-seen-beyond, listener-answered,
    control-pair, http, grpc, tls, service-log, policy-read, capture, canary, read-back; memory-log is what the
    services' code said where no packet moved, beyond-the-model what the model cannot know of a host.
    ``where``: the node, filter or door that was looked at.
    """

    kind: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the lab measured: the outcome, the cause as far as it was proved, and everything that was looked at.

    ``vacuous`` says why a denial proves nothing (nobody could have got through; its place of death was
    not seen; a control pair failed); empty where the proof is whole.
    ``way`` holds the places where a call's packets were seen, in order, each with what was seen there; empty where no
    packet moved.
    """

    outcome: Outcome
    cause: str = ""
    evidence: tuple[Evidence, ...] = ()
    vacuous: str = ""
    way: tuple[Hop, ...] = ()
