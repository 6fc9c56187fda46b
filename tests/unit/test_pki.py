"""The lab's certificate authority: what certificates say, and that TLS clients believe exactly that."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from lab.serve import pki
from tests.handshakes import shake_hands

NAME = "api.private.us-south.hs-crypto.cloud.ibm.com"
ADDRESS = IPv4Address("166.9.12.20")


def now() -> float:
    """Return the machine's time: TLS libraries compare with it."""
    return datetime.now(UTC).timestamp()


@pytest.fixture(scope="module")
def authority() -> pki.Authority:
    """A certificate authority."""
    return pki.Authority(now)


def descriptors() -> int:
    """Return how many descriptors are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def handshake(pem: bytes, *, trust: str, name: str) -> None:
    """Shake hands over memory as a client that trusts ``trust`` and wants to talk to ``name``."""
    client = shake_hands(ssl.create_default_context(cadata=trust), pki.server_context(pem), name)
    assert client.version() == "TLSv1.3"
    assert client.selected_alpn_protocol() is None


def test_certificate_says_exactly_the_endpoint(authority: pki.Authority) -> None:
    """Its names and addresses and no others, an hour, a minute's slack, P-256, for servers only."""
    certificate = x509.load_pem_x509_certificate(authority.issue([NAME], [ADDRESS]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert names.get_values_for_type(x509.IPAddress) == [ADDRESS]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=1, minutes=1)
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    authority_certificate = x509.load_pem_x509_certificate(authority.pem.encode())
    certificate.verify_directly_issued_by(authority_certificate)
    assert authority_certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


@pytest.mark.parametrize("name", [NAME, str(ADDRESS)], ids=["name", "address"])
def test_clients_that_trust_the_lab_accept_its_names(authority: pki.Authority, name: str) -> None:
    """A real handshake, verified by the TLS library, by name and by address."""
    handshake(authority.issue([NAME], [ADDRESS]), trust=authority.pem, name=name)


def test_clients_refuse_other_names(authority: pki.Authority) -> None:
    """A certificate of one door does not do for another."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.issue([NAME], [ADDRESS]), trust=authority.pem, name="api.us-south.hs-crypto.cloud.ibm.com")


def test_labs_do_not_trust_each_other(authority: pki.Authority) -> None:
    """Each lab has a root of its own."""
    other = pki.Authority(now)
    assert other.pem != authority.pem
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(other.issue([NAME], [ADDRESS]), trust=authority.pem, name=NAME)


def test_expired_certificates_are_refused() -> None:
    """An hour later nobody believes them."""
    late = pki.Authority(lambda: now() - 4000)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(late.issue([NAME], [ADDRESS]), trust=late.pem, name=NAME)


def test_a_certificate_can_be_renewed_in_use(authority: pki.Authority) -> None:
    """A live TLS context takes a fresh certificate; no descriptor stays open."""
    before = descriptors()
    context = pki.server_context(authority.issue([NAME], [ADDRESS]))
    pki.load(context, authority.issue([NAME], [ADDRESS]))
    assert descriptors() == before


def test_nothing_to_certify_is_an_error(authority: pki.Authority) -> None:
    """A certificate for nobody is a mistake of the caller."""
    with pytest.raises(ValueError, match="name or an address"):
        authority.issue([], [])


def test_a_long_name_fits(authority: pki.Authority) -> None:
    """Names longer than a common name may be are certified all the same."""
    name = f"{'a' * 60}.{'b' * 60}.example"
    handshake(authority.issue([name], []), trust=authority.pem, name=name)


def test_warm_up_opens_nothing() -> None:
    """What runs before the fork verifies a constant; it must not raise, and leaves no descriptor."""
    before = descriptors()
    pki.warm_up()
    assert descriptors() == before
