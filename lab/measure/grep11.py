"""The requests of GREP11 and what their answers must be: mechanisms, a key, its use. Nothing is sent from here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from lab.errors import ProbeFailed
from lab.grep11 import SERVICE, Mechanism, NotGrep11, Status, unpacked
from lab.grep11 import grep11_pb2 as pb
from lab.grep11.codes import CKA_VALUE_LEN
from lab.measure.requests import Answered, Credentials, HttpRequest
from lab.model.call import Operation

_M = TypeVar("_M", bound=Message)
_KEY_BYTES = 32
_BLOB_BYTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcRequest(HttpRequest):
    """A unary gRPC call: ``path`` names the function, ``headers`` are its metadata, ``body`` is the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Something to encrypt that nobody has seen before, with an initialisation vector of its own."""

    plain: bytes
    iv: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBlob:
    """A key in the client's hands: the blob, what it last encrypted, and what came of it."""

    blob: bytes
    secret: Secret | None = None
    ciphered: bytes = b""


def fresh_secret() -> Secret:
    """Return 32 random bytes to encrypt: a service that gives back what it always gives is found out."""
    return Secret(plain=secrets.token_bytes(32), iv=secrets.token_bytes(16))


def crypto(
    operation: Operation, credentials: Credentials, *, held: HeldBlob | None = None, secret: Secret | None = None
) -> GrpcRequest:
    """Return the request for ``operation``; a key that nobody made is a blob that nobody sealed.

    Args:
        secret: What is encrypted, see ``fresh_secret``; a decryption is of what ``held`` last encrypted.
    """
    blob = pb.KeyBlob.FromString(held.blob) if held else pb.KeyBlob(KeyBlobs=[secrets.token_bytes(_BLOB_BYTES)])
    made = secret or (held.secret if held else None) or fresh_secret()
    mechanism = pb.Mechanism(Mechanism=Mechanism.CKM_AES_CBC_PAD, ParameterB=made.iv)
    match operation:
        case Operation.LIST_MECHANISMS:
            return _request("GetMechanismList", credentials, b"")
        case Operation.GENERATE_KEY:
            template = {CKA_VALUE_LEN: pb.AttributeValue(AttributeI=_KEY_BYTES)}
            asked = pb.GenerateKeyRequest(Mech=pb.Mechanism(Mechanism=Mechanism.CKM_AES_KEY_GEN), Template=template)
            return _request("GenerateKey", credentials, asked.SerializeToString())
        case Operation.ENCRYPT:
            encryption = pb.EncryptSingleRequest(Mech=mechanism, Plain=made.plain, Key=blob)
            return _request("EncryptSingle", credentials, encryption.SerializeToString())
        case Operation.DECRYPT:
            ciphered = held.ciphered if held and held.ciphered else secrets.token_bytes(48)
            decryption = pb.DecryptSingleRequest(Mech=mechanism, Ciphered=ciphered, Key=blob)
            return _request("DecryptSingle", credentials, decryption.SerializeToString())
        case _:
            raise ProbeFailed(f"GREP11 has no {operation.value}")


def showed(status: int, details: bytes) -> tuple[str, str]:
    """Return an answer's status as the signatures' table says it, and the text of a refusal.

    Raises:
        ProbeFailed: It is a refusal and not of GREP11's form: exactly one Grep11Error, with a code that is known.
    """
    try:
        name = Status(status).name
        if status == Status.OK:
            return name, ""
        code, text = unpacked(details)
    except NotGrep11 as error:
        raise ProbeFailed(f"a gRPC status {status} that is no answer of GREP11: {error}") from error
    except ValueError as error:
        raise ProbeFailed(f"a gRPC status {status} that has no meaning here") from error
    return f"{name} {code.name}", text


def check_mechanisms(observed: Answered) -> None:
    """Make sure that a list of mechanisms is one, and holds those by which keys are made and used."""
    told = frozenset(_message(pb.GetMechanismListResponse, observed).Mechs)
    if missing := [one.name for one in (Mechanism.CKM_AES_KEY_GEN, Mechanism.CKM_AES_CBC_PAD) if one not in told]:
        raise ProbeFailed(f"{observed.name} answered a list of mechanisms without {missing[0]}")


def generated_in(observed: Answered) -> HeldBlob:
    """Return the key that an answer brings, which must say the same to both generations of clients."""
    told = _message(pb.GenerateKeyResponse, observed)
    if not told.KeyBytes or list(told.Key.KeyBlobs) != [told.KeyBytes]:
        raise ProbeFailed(f"{observed.name} answered without a key that is one to clients old and new")
    return HeldBlob(blob=told.Key.SerializeToString())


def ciphered_in(observed: Answered, secret: Secret) -> bytes:
    """Return what an encryption of ``secret`` gave, having looked that it does not show it."""
    ciphered = _message(pb.EncryptSingleResponse, observed).Ciphered
    if not ciphered or secret.plain in ciphered:
        raise ProbeFailed("encrypt gave back what was to be encrypted, in the clear, or nothing")
    return ciphered


def decrypted_in(observed: Answered) -> bytes:
    """Return what a decryption gave."""
    return _message(pb.DecryptSingleResponse, observed).Plain


def check_decrypted(observed: Answered, held: HeldBlob) -> None:
    """Make sure that a decryption gave back what was encrypted; a service that only pretends is no service."""
    if held.secret is None or decrypted_in(observed) != held.secret.plain:
        raise ProbeFailed(f"decrypt gave {decrypted_in(observed)!r}, not what was encrypted")


def _message(kind: type[_M], observed: Answered) -> _M:
    try:
        return kind.FromString(observed.body)
    except DecodeError as error:
        raise ProbeFailed(f"{observed.name} answered what is no {kind.DESCRIPTOR.name}: {error}") from error


def _request(function: str, credentials: Credentials, message: bytes) -> GrpcRequest:
    headers = {"authorization": f"Bearer {credentials.token}"}
    return GrpcRequest(method="POST", path=f"{SERVICE}{function}", headers=headers, body=message)
