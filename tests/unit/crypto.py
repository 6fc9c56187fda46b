"""True GREP11 answers for a scripted lab: the service's own code, an instance for each door, whoever asks."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from lab.grep11 import Ckr, Status, packed
from lab.measure.grep11 import GrpcRequest, showed
from lab.model.plane import Plane
from lab.services.ep11 import api
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance

_REFUSALS = {
    401: (Status.UNAUTHENTICATED, Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED),
    404: (Status.NOT_FOUND, Ckr.CKR_TOKEN_NOT_PRESENT),
    400: (Status.UNKNOWN, Ckr.CKR_IBM_WK_NOT_INITIALIZED),
}


def truth(name: str, request: GrpcRequest) -> api.Answer:
    """Return what the instance ``name``, which admits everybody, answers."""
    instance = Instance(
        name=name, guid=name, crn="", account="any", region="", master=hashlib.sha256(name.encode()).digest()
    )
    call = api.Call(
        plane=Plane.PRIVATE, account="any", level=Level.MANAGER, body=request.body, draw=os.urandom, enforce=False
    )
    return api.answer(instance, api.OPERATIONS[request.path], call)


def answer(name: str, request: GrpcRequest, http: int, document: Any) -> api.Answer:
    """Return the answer that a script means by an HTTP status: bytes as they are, else the truth, or a refusal."""
    if http < 400:
        return api.Answer(body=document) if isinstance(document, bytes) else truth(name, request)
    text = document["resources"][0]["errorMsg"]
    grpc, code = _REFUSALS[http]
    if "BLOB" in text:
        code = Ckr.CKR_IBM_BLOB_ERROR
    return api.Answer(status=grpc, text=text, details=packed(grpc, code, text))


def status(http: int) -> int:
    """Return the gRPC status that a script means by an HTTP status."""
    return 0 if http < 400 else _REFUSALS[http][0].value


def shown(given: api.Answer) -> tuple[str, str]:
    """Return the signature's value of an answer, and what a refusal says."""
    value, text = showed(given.status, given.details)
    return value, f"{value.partition(' ')[2]}: {text}" if text else ""
