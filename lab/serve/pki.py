"""The lab's certificate authority: one root for each lab, short-lived certificates for its front doors.

Keys are made in memory and stay there: the TLS library is handed a certificate with its key through a memory
file that no path names. It knows nothing of planes or policies; a name in a certificate proves no network.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.serve.clock import Clock

SLACK = timedelta(minutes=1)
LIFETIME = timedelta(hours=1)
ROOT_LIFETIME = timedelta(days=365)  # longer than any lab stays up; clients are given it once
# The product's TLS 1.2 suites, as far as an ECDSA certificate allows; TLS 1.3's are always on.
SUITES = "ECDHE+AESGCM"

_CURVE = ec.SECP256R1()
_NOT_A_CA = x509.BasicConstraints(ca=False, path_length=None)
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A certificate authority that lives as long as its lab. Making one draws a key."""

    __slots__ = ("_certificate", "_clock", "_identifier", "_key")

    def __init__(self, clock: Clock) -> None:
        """Draw the root's key and sign its certificate, valid from a minute before the clock's time."""
        self._clock = clock
        self._key = ec.generate_private_key(_CURVE)
        subject = _name("pelab lab CA")
        public = self._key.public_key()
        builder = self._begun(subject, subject, public, ROOT_LIFETIME)
        own = x509.SubjectKeyIdentifier.from_public_key(public)
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True).add_extension(own, critical=False)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """The root certificate, which clients must trust."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, names: Sequence[str], addresses: Sequence[IPv4Address]) -> bytes:
        """Return a fresh server certificate with its key (PEM) for exactly ``names`` and ``addresses``."""
        if not names and not addresses:
            raise ValueError("a certificate needs a name or an address")
        key = ec.generate_private_key(_CURVE)
        alternatives = x509.SubjectAlternativeName([*map(x509.DNSName, names), *map(x509.IPAddress, addresses)])
        # A common name ends at 64 characters; the alternatives are what clients look at.
        subject = _name((names or [str(addresses[0])])[0][:64])
        builder = self._begun(subject, self._certificate.subject, key.public_key(), LIFETIME)
        for extension, critical in (
            (alternatives, False),
            (_NOT_A_CA, True),
            (_usage(authority=False), True),
            (_SERVER, False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (self._identifier, False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM) + private

    def _begun(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SLACK)
            .not_valid_after(now + lifetime)
        )


def server_context(pem: bytes, *, protocol: str = "http/1.1") -> ssl.SSLContext:
    """Return a server's TLS settings with a certificate and its key; ``protocol`` is what it says to speak (ALPN)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.set_alpn_protocols([protocol])
    load(context, pem)
    return context


def load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give ``context`` a certificate with its key, also while it is in use; new handshakes see it."""
    memory = os.memfd_create("pelab-certificate", os.MFD_CLOEXEC)
    try:
        os.write(memory, pem)
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)


def warm_up() -> None:
    """Load OpenSSL's tables and relocations by verifying a constant signature: nothing random is drawn."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, _WARM_KEY)
    key.verify(_WARM_SIGNATURE, b"pelab", ec.ECDSA(hashes.SHA256()))


# The curve's generator, that is the public key of the private key 1, and its signature of b"pelab".
_WARM_KEY = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_WARM_SIGNATURE = bytes.fromhex(
    "30450221008e6933fc271c4ce4e18c6bcf3ff9bed9c8ab2b41097334422701bde374bf7d04"
    "022061826c7368c027e4638510cfb373110716a16d83958fab8cebce77e8984c81fe"
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
