"""GREP11 as one function: which operation a method means, and the answer to a call of it.

Whoever carries calls here says on which plane they arrived; the answer's ``rule`` says what decided, for the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from google.protobuf.message import DecodeError, Message

from lab.errors import ServiceError
from lab.grep11 import SERVICE, Ckr, Status, packed
from lab.grep11 import grep11_pb2 as pb
from lab.model.plane import Plane
from lab.services.ep11 import operations
from lab.services.ep11.rules import MALFORMED, Refusal, refusal
from lab.services.kms import rules
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A function of GREP11: its name in logs, the request's message, and what carries it out."""

    name: str
    asked: type[Message]
    run: Callable[[Instance, Any, operations.Draw], Message]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """How a call came: the door's plane, whose token it carries, the message, and where random bytes come from."""

    plane: Plane
    account: str | None
    level: Level
    body: bytes
    draw: operations.Draw
    enforce: bool = True


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said: a message (status OK) or a text with its details, and the rule that decided."""

    status: Status = Status.OK
    body: bytes = b""
    text: str = ""
    details: bytes = b""
    rule: str = rules.SERVED


_SERVED: Mapping[str, Operation] = {
    "GetMechanismList": Operation(
        name="list-mechanisms", asked=pb.GetMechanismListRequest, run=operations.list_mechanisms
    ),
    "GenerateKey": Operation(name="generate-key", asked=pb.GenerateKeyRequest, run=operations.generate_key),
    "EncryptSingle": Operation(name="encrypt", asked=pb.EncryptSingleRequest, run=operations.encrypt),
    "DecryptSingle": Operation(name="decrypt", asked=pb.DecryptSingleRequest, run=operations.decrypt),
}
_NOT_SERVED = (
    *("GetMechanismInfo", "GenerateRandom", "GenerateKeyPair", "WrapKey", "UnwrapKey", "DeriveKey", "RewrapKeyBlob"),
    *("GetAttributeValue", "SetAttributeValue", "Login", "Logout", "ReencryptSingle"),
    *("DigestInit", "Digest", "DigestUpdate", "DigestKey", "DigestFinal", "DigestSingle"),
    *("EncryptInit", "Encrypt", "EncryptUpdate", "EncryptFinal"),
    *("DecryptInit", "Decrypt", "DecryptUpdate", "DecryptFinal"),
    *("SignInit", "Sign", "SignUpdate", "SignFinal", "SignSingle"),
    *("VerifyInit", "Verify", "VerifyUpdate", "VerifyFinal", "VerifySingle"),
)
_UNSUPPORTED = Operation(name="unsupported", asked=pb.GetMechanismListRequest, run=operations.unsupported)
OPERATIONS: Mapping[str, Operation] = {
    f"{SERVICE}{name}": operation
    for name, operation in (dict.fromkeys(_NOT_SERVED, _UNSUPPORTED) | dict(_SERVED)).items()
}
"""By path; every function of GREP11 is here, so that the door is asked before anything is said to be missing."""


def answer(instance: Instance | None, operation: Operation, call: Call) -> Answer:
    """Return the answer to ``call``. The check and what it allows happen here, with nothing in between."""
    try:
        body = _served(instance, operation, call).SerializeToString()
    except ServiceError as problem:
        return _refused(refusal(problem))
    except Refusal as problem:
        return _refused(problem)
    return Answer(body=body)


def _served(instance: Instance | None, operation: Operation, call: Call) -> Message:
    # the instance is told by the door alone: GREP11 names none
    named = instance.guid if instance else None
    admitted = rules.admit(instance, plane=call.plane, account=call.account, named=named, enforce=call.enforce)
    rules.require(call.level, Level.READER)
    try:
        asked = operation.asked.FromString(call.body)
    except DecodeError as error:
        text = f"the message is no {operation.asked.DESCRIPTOR.name}"
        raise Refusal(Ckr.CKR_IBM_GREP11_CANNOT_UNMARSHAL, text, rule=MALFORMED) from error
    return operation.run(admitted, asked, call.draw)


def _refused(problem: Refusal) -> Answer:
    details = packed(problem.status, problem.code, problem.text)
    return Answer(status=problem.status, text=problem.text, details=details, rule=problem.rule)
