"""The cryptography of GREP11: keys as blobs under an instance's master key, and data under keys. Draws nothing.

AES-256-GCM seals a key and binds it to the instance's id, so that a blob of another instance is refused even where two
instances had one master key; AES-CBC is what PKCS #11 says of ``CKM_AES_CBC`` and ``CKM_AES_CBC_PAD``.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK_BYTES = 16
NONCE_BYTES = 12
KEY_SIZES = frozenset({16, 24, 32})


class BadBlob(ValueError):
    """No key of this instance is in the blob."""


class BadPadding(ValueError):
    """The data were not encrypted with padding by this key."""


def seal(master: bytes, instance: str, key: bytes, *, nonce: bytes) -> bytes:
    """Return ``key`` as a blob that only the instance with this master key and id opens."""
    return nonce + AESGCM(master).encrypt(nonce, key, instance.encode())


def unseal(master: bytes, instance: str, blob: bytes) -> bytes:
    """Return the key in ``blob``; BadBlob if another instance sealed it, or nobody."""
    try:
        return AESGCM(master).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], instance.encode())
    except (InvalidTag, ValueError) as error:
        raise BadBlob(str(error)) from error


def checksum(key: bytes) -> bytes:
    """Return the check value of ``key``: the first three bytes of a block of zeros encrypted with it."""
    # PKCS #11 defines CKA_CHECK_VALUE by ECB; it hides nothing and shows three bytes
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    return (encryptor.update(bytes(BLOCK_BYTES)) + encryptor.finalize())[:3]


def encrypt(key: bytes, iv: bytes, plain: bytes, *, padded: bool) -> bytes:
    """Return ``plain`` under ``key`` in CBC mode; without padding its length must be one of whole blocks."""
    if padded:
        padder = PKCS7(8 * BLOCK_BYTES).padder()
        plain = padder.update(plain) + padder.finalize()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def decrypt(key: bytes, iv: bytes, ciphered: bytes, *, padded: bool) -> bytes:
    """Return what ``encrypt`` was given; BadPadding if it shows that another key, or none, made ``ciphered``."""
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    plain = decryptor.update(ciphered) + decryptor.finalize()
    if not padded:
        return plain
    unpadder = PKCS7(8 * BLOCK_BYTES).unpadder()
    try:
        return unpadder.update(plain) + unpadder.finalize()
    except ValueError as error:
        raise BadPadding(str(error)) from error
