"""The cryptography of key management: material under the master key, plaintexts under root keys.

AES key wrap with padding (RFC 5649) for material, AES-256-GCM with the caller's data bound in for wrap
and unwrap. Draws nothing: nonces are arguments.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding, aes_key_wrap_with_padding

MASTER_BYTES = 32
MATERIAL_BYTES = 32
NONCE_BYTES = 12
ROOT_SIZES = frozenset({16, 24, 32})


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a ciphertext says inside: a JSON document that begins with ``ciphertext``, as the product's do.

    Assumed: the other members' names; clients treat the whole as opaque.
    """

    ciphertext: bytes
    iv: bytes
    version: str = "4.0.0"
    handle: str


class BadCiphertext(ValueError):
    """The ciphertext was not made by this key with this additional data."""


_decode = msgspec.json.Decoder(Envelope).decode
_encode = msgspec.json.Encoder().encode


def seal(master: bytes, material: bytes) -> bytes:
    """Return ``material`` wrapped by the master key."""
    return aes_key_wrap_with_padding(master, material)


def unseal(master: bytes, wrapped: bytes) -> bytes:
    """Return the material that ``seal`` wrapped."""
    return aes_key_unwrap_with_padding(master, wrapped)


def bind(aad: tuple[str, ...]) -> bytes:
    """Return additional data as one string of bytes: each item with its length, so that no two lists meet."""
    parts: list[bytes] = []
    for item in aad:
        data = item.encode()
        parts += len(data).to_bytes(4, "big"), data
    return b"".join(parts)


def encrypt(material: bytes, plaintext: bytes, aad: tuple[str, ...], *, nonce: bytes, version: str) -> str:
    """Return the ciphertext of ``plaintext`` under a root key's ``material``, as clients carry it."""
    sealed = AESGCM(material).encrypt(nonce, plaintext, bind(aad))
    return base64.b64encode(_encode(Envelope(ciphertext=sealed, iv=nonce, handle=version))).decode()


def decrypt(material: bytes, ciphertext: str, aad: tuple[str, ...], *, version: str) -> bytes:
    """Return the plaintext; BadCiphertext if the key, the data or the text is another."""
    try:
        envelope = _decode(base64.b64decode(ciphertext, validate=True))
        if envelope.handle != version:
            raise BadCiphertext("made by another key version")
        return AESGCM(material).decrypt(envelope.iv, envelope.ciphertext, bind(aad))
    except (msgspec.DecodeError, binascii.Error, InvalidTag, ValueError) as error:
        raise BadCiphertext(str(error)) from error
