"""What clients ask of Trusted Key Entry: an instance's crypto units, and to take a master key that the client makes."""

from __future__ import annotations

import hashlib
import secrets
from functools import reduce
from typing import Final

import msgspec

from lab.errors import ProbeFailed
from lab.measure.observation import Observation
from lab.measure.requests import Answered, Credentials, HttpRequest
from lab.model.call import Operation

_LISTING: Final = "hsms"
_PARTS, _PART_BYTES, _PATTERN_ZEROS = 2, 32, 4


def request(operation: Operation, credentials: Credentials) -> HttpRequest:
    """Return the request for ``operation``; every initialisation has key parts of its own."""
    headers = {"authorization": f"Bearer {credentials.token}", "accept": "application/json"}
    root = f"/v1/tke/{credentials.guid}"
    match operation:
        case Operation.LIST_CRYPTO_UNITS:
            return HttpRequest(method="GET", path=f"{root}/{_LISTING}", headers=headers, listing=_LISTING)
        case Operation.INITIALISE:
            parts = [secrets.token_hex(_PART_BYTES) for _ in range(_PARTS)]
            headers["content-type"] = "application/json"
            body = msgspec.json.encode({"key_parts": parts})
            return HttpRequest(method="POST", path=f"{root}/master-key", headers=headers, body=body, listing=_LISTING)
        case _:
            raise ProbeFailed(f"{operation.value} is no operation of TKE")


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a crypto unit, as far as anything rests on it."""

    hsm_id: str = ""
    current_master_key: str = ""
    verification_pattern: str = ""


class _Listing(msgspec.Struct, frozen=True, kw_only=True):
    hsms: list[Unit]


def units(answer: Answered) -> list[Unit]:
    """Return the crypto units that an answer lists; ProbeFailed if it is no such list."""
    try:
        return msgspec.json.decode(answer.body, type=_Listing).hsms
    except msgspec.MsgspecError as error:
        told = f"{answer.name} answers without a list of crypto units: {answer.body[:80]!r}"
        raise ProbeFailed(told) from error


def keyed(observed: Observation) -> bool:
    """Whether every crypto unit that is listed has a valid master key, and all have the same."""
    found = units(observed)
    patterns = {unit.verification_pattern for unit in found}
    return len(patterns) == 1 and "" not in patterns and all(unit.current_master_key == "Valid" for unit in found)


def empty(observed: Observation) -> bool:
    """Whether no crypto unit that is listed has a master key, or says anything of one."""
    return all((unit.current_master_key, unit.verification_pattern) == ("Empty", "") for unit in units(observed))


def loaded(request_: HttpRequest, observed: Observation) -> bool:
    """Whether all units that are listed hold the master key whose parts were sent with ``request_``."""
    return keyed(observed) and units(observed)[0].verification_pattern == _pattern(request_)


def loaded_anyway(request_: HttpRequest, observed: Observation) -> bool:
    """Whether a unit holds the master key whose parts were sent with ``request_``, which was refused."""
    return any(unit.verification_pattern == _pattern(request_) for unit in units(observed))


def apart(one: Observation, other: Observation) -> bool:
    """Whether two instances are told to have no crypto unit in common."""
    ours, theirs = ({unit.hsm_id for unit in units(seen)} for seen in (one, other))
    return "" not in ours and ours.isdisjoint(theirs)


def _pattern(request_: HttpRequest) -> str:
    parts = msgspec.json.decode(request_.body)["key_parts"]
    key = reduce(lambda one, other: one ^ other, (int(part, 16) for part in parts)).to_bytes(_PART_BYTES)
    return hashlib.sha256(b"\x01" + key).digest()[:-_PATTERN_ZEROS].hex() + "00" * _PATTERN_ZEROS
