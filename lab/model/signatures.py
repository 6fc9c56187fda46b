"""The one table between what a socket, a TLS stack or a service showed and what it means.

Measured on Linux with non-blocking TCP connects; a blocking ``connect`` sees an ICMP reject a second
late. The table is read one way by the probe (signature to outcome) and enumerated by docs and tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A raw observation: ``layer`` is url, connect, dns, tls, http, grpc or filter; ``value`` as its own tools name it.

    For grpc that is the status, and behind a blank the PKCS #11 code of its Grep11Error.
    """

    layer: str
    value: str
    outcome: Outcome
    meaning: str


TABLE = (
    Signature(layer="url", value="no scheme", outcome=Outcome.NOT_SENT, meaning="no URL, and the client sends nothing"),
    Signature(layer="dns", value="NXDOMAIN", outcome=Outcome.NO_NAME, meaning="the resolver knows no such name"),
    Signature(layer="dns", value="timeout", outcome=Outcome.NO_NAME, meaning="no resolver answered"),
    Signature(layer="dns", value="ENETUNREACH", outcome=Outcome.NO_NAME, meaning="no route to the resolver"),
    Signature(layer="dns", value="EHOSTUNREACH", outcome=Outcome.NO_NAME, meaning="the resolver is unreachable"),
    Signature(layer="dns", value="ECONNREFUSED", outcome=Outcome.NO_NAME, meaning="no resolver listens there"),
    Signature(layer="connect", value="ENETUNREACH", outcome=Outcome.NO_ROUTE, meaning="no route, here or at a router"),
    Signature(layer="connect", value="EINVAL", outcome=Outcome.NO_ROUTE, meaning="a blackhole route on the host"),
    Signature(layer="connect", value="EHOSTUNREACH", outcome=Outcome.REJECTED, meaning="an unreachable route, here or at a router; or a silent gateway after 3 s"),
    Signature(layer="connect", value="EACCES", outcome=Outcome.REJECTED, meaning="a prohibit route, here or at a router"),
    Signature(layer="connect", value="ECONNREFUSED", outcome=Outcome.REFUSED, meaning="nobody listens, or a filter's TCP reset"),
    Signature(layer="connect", value="ETIMEDOUT", outcome=Outcome.TIMED_OUT, meaning="the kernel gave up resending"),
    Signature(layer="filter", value="drop", outcome=Outcome.TIMED_OUT, meaning="a drop was seen; the client would wait in vain"),
    Signature(layer="tls", value="alert", outcome=Outcome.TLS_FAILED, meaning="certificate or protocol not accepted"),
    Signature(layer="tls", value="h2", outcome=Outcome.TLS_FAILED, meaning="the door agrees to HTTP/2 only, and speaks gRPC there"),
    Signature(layer="http", value="200", outcome=Outcome.REACHED, meaning="served"),
    Signature(layer="http", value="201", outcome=Outcome.REACHED, meaning="served, something was made"),
    Signature(layer="http", value="204", outcome=Outcome.REACHED, meaning="served, nothing to say"),
    Signature(layer="http", value="400", outcome=Outcome.BAD_REQUEST, meaning="malformed, or the instance is not initialised"),
    Signature(layer="http", value="401", outcome=Outcome.UNAUTHORIZED, meaning="network policy, role or token: the same document"),
    Signature(layer="http", value="403", outcome=Outcome.FORBIDDEN, meaning="a configuration rule forbids it"),
    Signature(layer="http", value="404", outcome=Outcome.NOT_FOUND, meaning="no such key or instance"),
    Signature(layer="http", value="409", outcome=Outcome.CONFLICT, meaning="the state does not allow it"),
    Signature(layer="http", value="422", outcome=Outcome.BAD_REQUEST, meaning="well formed, but not to be processed"),
    Signature(layer="http", value="410", outcome=Outcome.GONE, meaning="the key was deleted"),
    Signature(layer="grpc", value="OK", outcome=Outcome.REACHED, meaning="served"),
    Signature(layer="grpc", value="UNAUTHENTICATED CKR_IBM_GREP11_NOT_AUTHENTICATED", outcome=Outcome.UNAUTHORIZED, meaning="network policy, role or token: the same answer"),
    Signature(layer="grpc", value="UNKNOWN CKR_IBM_WK_NOT_INITIALIZED", outcome=Outcome.BAD_REQUEST, meaning="the instance is not initialised"),
    Signature(layer="grpc", value="UNKNOWN CKR_IBM_BLOB_ERROR", outcome=Outcome.BAD_REQUEST, meaning="the key blob is not this instance's"),
    Signature(layer="grpc", value="NOT_FOUND CKR_TOKEN_NOT_PRESENT", outcome=Outcome.NOT_FOUND, meaning="no such instance"),
)  # fmt: skip

_BY_SIGNATURE = {(entry.layer, entry.value): entry for entry in TABLE}


def read(layer: str, value: str) -> Signature | None:
    """Return the entry for an observation, or None: then it is no verdict but trouble with the probe."""
    return _BY_SIGNATURE.get((layer, value))
