"""A GREP11 error in the form that it travels in: one ``Grep11Error`` in the details of a gRPC status."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from lab.grep11 import grep11_pb2 as pb
from lab.grep11.codes import Ckr, Status


class NotGrep11(ValueError):
    """A status whose details are not exactly one Grep11Error with a known code; its text says what they are."""


def packed(status: Status, code: Ckr, text: str) -> bytes:
    """Return the details of a refusal, for ``grpc-status-details-bin``."""
    details = pb.StatusDetails(Code=status.value, Message=text)
    details.Details.add().Pack(pb.Grep11Error(Code=code.value, Detail=text))
    return details.SerializeToString()


def unpacked(data: bytes) -> tuple[Ckr, str]:
    """Return code and text of the one Grep11Error in ``data``.

    Raises:
        NotGrep11: There is none, or another, or more than one.
    """
    error = pb.Grep11Error()
    try:
        told = pb.StatusDetails.FromString(data)
        if len(told.Details) != 1:
            raise NotGrep11(f"{len(told.Details)} details, and GREP11 has one")
        if not told.Details[0].Unpack(error):
            raise NotGrep11(f"a detail of type {told.Details[0].TypeName()}")
        return Ckr(error.Code), error.Detail
    except DecodeError as problem:
        raise NotGrep11(f"details that are no message: {problem}") from problem
    except ValueError as problem:
        raise problem if isinstance(problem, NotGrep11) else NotGrep11(f"an unknown code {error.Code:#x}") from problem
