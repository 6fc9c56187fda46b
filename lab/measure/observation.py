"""What a call showed: connection attempts one by one, and the answer of the one that stood."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lab.errors import ProbeFailed
from lab.measure.flow import Flow
from lab.measure.sightings import Sighting
from lab.model import signatures
from lab.model.signatures import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one connection attempt showed.

    Attributes:
        flow: Its first packet's, None if nothing was sent.
        since: The moment before it was made (``Sightings.now``).
        at: The same moment in seconds since the epoch.
        signature: What the client saw.
        sighting: The filter's report that explains it, if a filter reported.
        again: The flow of the second packet, sent from another port because the first was reported as dropped.
        address: The address that was tried; the resolver's where the name was not found.
    """

    flow: Flow | None
    since: int
    signature: Signature
    address: IPv4Address
    at: float = 0.0
    sighting: Sighting | None = None
    again: Flow | None = None
    detail: str = ""

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Everything that was sent."""
        return tuple(flow for flow in (self.flow, self.again) if flow is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a call showed: the attempts in order, the deciding one last, and the answer if there was one.

    ``resolved`` holds what the node's resolver said, in its order; empty if it was not asked or knew no such name.
    ``status`` is HTTP's, or of a gRPC call gRPC's; ``refusal`` is the PKCS #11 code and text of a refused one.
    """

    node: str
    name: str
    port: int
    attempts: tuple[Attempt, ...]
    resolved: tuple[IPv4Address, ...] = ()
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    refusal: str = ""

    @property
    def last(self) -> Attempt:
        """The attempt that decided."""
        return self.attempts[-1]

    @property
    def signature(self) -> Signature:
        """The deciding signature."""
        return self.last.signature


def known(layer: str, value: str) -> Signature:
    """Return the signature of an observation; ProbeFailed if it has no meaning."""
    found = signatures.read(layer, value)
    if found is None:
        raise ProbeFailed(f"{layer}: {value} has no meaning here")
    return found


def meaning(layer: str, error: OSError) -> Signature:
    """Return the signature of a socket's error; ProbeFailed if it has no meaning."""
    return known(layer, errno.errorcode.get(error.errno or 0, str(error.errno)))
