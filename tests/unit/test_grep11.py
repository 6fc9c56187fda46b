"""GREP11 on the wire: the generated messages are those of the .proto, and an error has exactly one form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor

import lab.grep11
from lab.errors import ProbeFailed
from lab.grep11 import Ckr, NotGrep11, Status, grep11_pb2, packed, unpacked
from lab.measure import grep11

PROTO = Path(lab.grep11.__file__).with_name("grep11.proto").read_text()
MESSAGE = re.compile(r"^message (\w+) \{(?:\}|\n(.*?)^\})$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^ *(?:repeated )?([\w.]+|map<\w+, \w+>) (\w+) = (\d+);", re.MULTILINE)


def test_the_generated_messages_are_those_of_the_proto() -> None:
    """Names and numbers of every message, and every function; bin/grep11 writes them anew."""
    told = {
        name: {(field, int(number)) for _, field, number in FIELD.findall(body)}
        for name, body in MESSAGE.findall(PROTO)
    }
    file = grep11_pb2.DESCRIPTOR
    made = {name: {(f.name, f.number) for f in kind.fields} for name, kind in file.message_types_by_name.items()}
    assert made == told
    assert [len(fields) for fields in told.values()].count(0) == 1, "of GetMechanismListRequest only"
    functions = re.findall(r"rpc (\w+)\((\w+)\) returns \((\w+)\)", PROTO)
    assert functions == [
        (one.name, one.input_type.name, one.output_type.name) for one in file.services_by_name["Crypto"].methods
    ]


def test_types_are_those_of_the_proto() -> None:
    """A field that became text or a number would pass by name."""
    kinds = {name: {field: kind for kind, field, _ in FIELD.findall(body)} for name, body in MESSAGE.findall(PROTO)}
    names = {4: "uint64", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes"}

    def said(kind: Descriptor, field: str) -> str:
        found = kind.fields_by_name[field]
        if found.message_type is None:
            return names[found.type]
        if found.message_type.GetOptions().map_entry:
            key, value = found.message_type.fields
            assert value.message_type is not None
            return f"map<{names[key.type]}, {value.message_type.name}>"
        return str(found.message_type.full_name).removeprefix("grep11.")

    file = grep11_pb2.DESCRIPTOR.message_types_by_name
    for message, fields in kinds.items():
        assert {field: said(file[message], field) for field in fields} == fields


def test_an_error_travels_as_one_detail_of_googles_status() -> None:
    """Whoever knows only google.rpc.Status by its fields finds code, text and a Grep11Error by its type."""
    data = packed(Status.UNAUTHENTICATED, Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED, "no")
    assert unpacked(data) == (Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED, "no")
    assert data[:2] == b"\x08\x10", "field 1 is the status's number"
    (detail,) = grep11_pb2.StatusDetails.FromString(data).Details
    assert detail.type_url == "type.googleapis.com/grep11.Grep11Error"


def details(*errors: object) -> bytes:
    """Return a status with these details."""
    told = grep11_pb2.StatusDetails(Code=2)
    for error in errors:
        detail: AnyMessage = told.Details.add()
        detail.Pack(error)  # type: ignore[arg-type]
    return told.SerializeToString()


@pytest.mark.parametrize(
    "data,why",
    [
        (b"", "0 details"),
        (details(), "0 details"),
        (details(grep11_pb2.Grep11Error(Code=5), grep11_pb2.Grep11Error(Code=5)), "2 details"),
        (details(grep11_pb2.Mechanism(Mechanism=5)), "type grep11.Mechanism"),
        (details(grep11_pb2.Grep11Error(Code=0xBEEF)), "an unknown code 0xbeef"),
        (b"\xff", "no message"),
    ],
)
def test_a_refusal_of_another_form_is_trouble_and_no_verdict(data: bytes, why: str) -> None:
    """The product's clients take what has not exactly one Grep11Error for a general error; the probe says what came."""
    with pytest.raises(NotGrep11, match=why):
        unpacked(data)
    with pytest.raises(ProbeFailed, match=why):
        grep11.showed(Status.UNKNOWN, data)


def test_a_status_that_grep11_never_gives_is_trouble() -> None:
    """Such as UNAVAILABLE: a server's own trouble is no answer of the service."""
    with pytest.raises(ProbeFailed, match="a gRPC status 14 that has no meaning here"):
        grep11.showed(14, b"")
