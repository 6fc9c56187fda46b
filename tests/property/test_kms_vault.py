"""Properties of wrapping: whatever goes in comes out, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.services.kms import vault

MATERIAL = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
NONCES = st.binary(min_size=vault.NONCE_BYTES, max_size=vault.NONCE_BYTES)
AAD = st.lists(st.text(max_size=8), max_size=4).map(tuple)


@given(AAD, AAD)
def test_no_two_lists_of_additional_data_are_taken_for_each_other(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """The joined form tells every two lists apart."""
    assert (one == other) is (vault.bind(one) == vault.bind(other))


@given(MATERIAL, st.binary(max_size=64), AAD, NONCES)
def test_what_is_encrypted_comes_back(material: bytes, plaintext: bytes, aad: tuple[str, ...], nonce: bytes) -> None:
    """Decryption is the inverse of encryption under the same key, version and additional data."""
    ciphertext = vault.encrypt(material, plaintext, aad, nonce=nonce, version="v")
    assert plaintext == vault.decrypt(material, ciphertext, aad, version="v")


@given(MATERIAL, AAD, AAD, NONCES)
def test_other_additional_data_or_version_is_refused(
    material: bytes, aad: tuple[str, ...], other: tuple[str, ...], nonce: bytes
) -> None:
    """A ciphertext is bound to what it was made with."""
    assume(aad != other)
    ciphertext = vault.encrypt(material, b"secret", aad, nonce=nonce, version="v")
    with pytest.raises(vault.BadCiphertext):
        vault.decrypt(material, ciphertext, other, version="v")
    with pytest.raises(vault.BadCiphertext):
        vault.decrypt(material, ciphertext, aad, version="w")


@given(MATERIAL, st.text(max_size=200))
def test_any_text_is_refused_as_a_ciphertext(material: bytes, text: str) -> None:
    """Nothing that a caller can write makes anything but a refusal."""
    with pytest.raises(vault.BadCiphertext):
        vault.decrypt(material, text, (), version="v")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=100))
def test_material_survives_the_master_key(master: bytes, material: bytes) -> None:
    """Material of any length comes back as it was, and is not stored as it is."""
    wrapped = vault.seal(master, material)
    assert material == vault.unseal(master, wrapped)
    assert len(material) < 4 or material not in wrapped
