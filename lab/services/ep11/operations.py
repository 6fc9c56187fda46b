"""The operations of GREP11 on an instance that the door has let through.

Each takes the instance and a request's message and returns the answer's message, or raises a ``Refusal``. Random bytes
come with the request. None of them asks who the caller is or where the request came from, and none keeps anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from lab.grep11 import Ckr, Mechanism, Status
from lab.grep11 import grep11_pb2 as pb
from lab.grep11.codes import CKA_VALUE_LEN
from lab.services.ep11 import blobs
from lab.services.ep11.rules import FOREIGN_BLOB, MALFORMED, UNSUPPORTED, Refusal
from lab.services.kms.state import Instance

Draw = Callable[[int], bytes]
_CIPHERS: Mapping[int, bool] = {Mechanism.CKM_AES_CBC: False, Mechanism.CKM_AES_CBC_PAD: True}
"""Mechanisms that encrypt, and whether they pad."""


def list_mechanisms(_instance: Instance, _asked: pb.GetMechanismListRequest, _draw: Draw) -> Message:
    """Return what the instance can do."""
    return pb.GetMechanismListResponse(Mechs=[mechanism.value for mechanism in Mechanism])


def generate_key(instance: Instance, asked: pb.GenerateKeyRequest, draw: Draw) -> Message:
    """Return a fresh AES key as a blob; nothing of it stays here."""
    if asked.Mech.Mechanism != Mechanism.CKM_AES_KEY_GEN:
        raise Refusal(Ckr.CKR_MECHANISM_INVALID, "keys are made by CKM_AES_KEY_GEN", rule=MALFORMED)
    if CKA_VALUE_LEN not in asked.Template:
        raise Refusal(Ckr.CKR_TEMPLATE_INCOMPLETE, "the template says no CKA_VALUE_LEN", rule=MALFORMED)
    length = asked.Template[CKA_VALUE_LEN].AttributeI
    if length not in blobs.KEY_SIZES:
        raise Refusal(Ckr.CKR_KEY_SIZE_RANGE, f"no AES key has {length} bytes", rule=MALFORMED)
    key = draw(length)
    blob = blobs.seal(_master(instance), instance.guid, key, nonce=draw(blobs.NONCE_BYTES))
    held = pb.KeyBlob(KeyBlobID=draw(16), Attributes=asked.Template, KeyBlobs=[blob])
    return pb.GenerateKeyResponse(KeyBytes=blob, CheckSum=blobs.checksum(key), Key=held)


def encrypt(instance: Instance, asked: pb.EncryptSingleRequest, _draw: Draw) -> Message:
    """Return the caller's data under the key in the caller's blob."""
    padded, iv = _cipher(asked.Mech)
    key = _key(instance, asked)
    if not padded and len(asked.Plain) % blobs.BLOCK_BYTES:
        raise Refusal(Ckr.CKR_DATA_LEN_RANGE, "the data are no whole blocks", rule=MALFORMED)
    return pb.EncryptSingleResponse(Ciphered=blobs.encrypt(key, iv, asked.Plain, padded=padded))


def decrypt(instance: Instance, asked: pb.DecryptSingleRequest, _draw: Draw) -> Message:
    """Return what was encrypted under the key in the caller's blob."""
    padded, iv = _cipher(asked.Mech)
    key = _key(instance, asked)
    if len(asked.Ciphered) % blobs.BLOCK_BYTES or (padded and not asked.Ciphered):
        raise Refusal(Ckr.CKR_ENCRYPTED_DATA_LEN_RANGE, "the data are no whole blocks", rule=MALFORMED)
    try:
        return pb.DecryptSingleResponse(Plain=blobs.decrypt(key, iv, asked.Ciphered, padded=padded))
    except blobs.BadPadding as error:
        raise Refusal(Ckr.CKR_ENCRYPTED_DATA_INVALID, "the data are not this key's", rule=MALFORMED) from error


def unsupported(_instance: Instance, _asked: Message, _draw: Draw) -> Message:
    """Refuse a function of GREP11 that the lab does not have; asked after the door's checks, like every operation."""
    text = "the lab has no such function"
    raise Refusal(Ckr.CKR_FUNCTION_NOT_SUPPORTED, text, rule=UNSUPPORTED, status=Status.UNIMPLEMENTED)


def _master(instance: Instance) -> bytes:
    assert instance.master is not None, "the door admits to initialised instances only"
    return instance.master


def _cipher(mechanism: pb.Mechanism) -> tuple[bool, bytes]:
    """Return whether a mechanism pads, and its initialisation vector."""
    if mechanism.Mechanism not in _CIPHERS:
        text = "data are encrypted by CKM_AES_CBC or CKM_AES_CBC_PAD"
        raise Refusal(Ckr.CKR_MECHANISM_INVALID, text, rule=MALFORMED)
    if len(mechanism.ParameterB) != blobs.BLOCK_BYTES:
        text = f"an initialisation vector has {blobs.BLOCK_BYTES} bytes"
        raise Refusal(Ckr.CKR_MECHANISM_PARAM_INVALID, text, rule=MALFORMED)
    return _CIPHERS[mechanism.Mechanism], mechanism.ParameterB


def _key(instance: Instance, asked: pb.EncryptSingleRequest | pb.DecryptSingleRequest) -> bytes:
    """Return the key that a request brings, in the field of either generation of clients."""
    held = asked.Key.KeyBlobs[0] if asked.Key.KeyBlobs else asked.KeyBytes
    try:
        return blobs.unseal(_master(instance), instance.guid, held)
    except blobs.BadBlob as error:
        raise Refusal(Ckr.CKR_IBM_BLOB_ERROR, "the key blob is none of this instance", rule=FOREIGN_BLOB) from error
