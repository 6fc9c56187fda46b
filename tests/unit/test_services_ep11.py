"""GREP11's service: who may enter, what is done with a key in the client's hands, and how it says no."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from lab.grep11 import SERVICE, Ckr, Mechanism, Status, unpacked
from lab.grep11 import grep11_pb2 as pb
from lab.grep11.codes import CKA_VALUE_LEN
from lab.model.plane import Plane, Policy
from lab.services.ep11 import api, blobs
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance, PolicyRecord

IV = bytes(range(16))
CBC, PAD = Mechanism.CKM_AES_CBC, Mechanism.CKM_AES_CBC_PAD
LOCKED = PolicyRecord(enabled=True, allowed=Policy.PRIVATE_ONLY, created="", created_by="", updated="", updated_by="")


def instance(**values: Any) -> Instance:
    """Return an initialised instance of ``acme``."""
    return Instance(
        **{"name": "keys", "guid": "g", "crn": "", "account": "acme", "region": "", "master": b"m" * 32} | values
    )


def ask(function: str, message: Message | bytes, of: Instance | None = None, **how: Any) -> api.Answer:
    """Return the answer to a call of ``acme``'s manager at the private door."""
    counted = itertools.count()
    body = message if isinstance(message, bytes) else message.SerializeToString()
    told: dict[str, Any] = {"plane": Plane.PRIVATE, "account": "acme", "level": Level.MANAGER} | how
    call = api.Call(body=body, draw=lambda size: bytes([next(counted)]) * size, **told)
    return api.answer(of or instance(), api.OPERATIONS[SERVICE + function], call)


def mechanism(number: int, iv: bytes = IV) -> pb.Mechanism:
    """Return a mechanism with its initialisation vector."""
    return pb.Mechanism(Mechanism=number, ParameterB=iv)


def generation(size: int = 32) -> pb.GenerateKeyRequest:
    """Return the request for an AES key."""
    template = {CKA_VALUE_LEN: pb.AttributeValue(AttributeI=size)}
    return pb.GenerateKeyRequest(Mech=pb.Mechanism(Mechanism=Mechanism.CKM_AES_KEY_GEN), Template=template)


def key(of: Instance | None = None, size: int = 32) -> pb.GenerateKeyResponse:
    """Return a fresh key."""
    return pb.GenerateKeyResponse.FromString(ask("GenerateKey", generation(size), of).body)


def refused(given: api.Answer) -> tuple[Status, Ckr]:
    """Return how a call was refused."""
    assert given.body == b""
    code, text = unpacked(given.details)
    assert text == given.text
    return given.status, code


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("number", [CBC, PAD])
@pytest.mark.parametrize("old", [False, True], ids=["blob", "bytes"])
def test_what_is_encrypted_decrypts_again(size: int, number: Mechanism, *, old: bool) -> None:
    """With keys of every size, padded and not, in the fields of old clients and new ones."""
    made, plain = key(size=size), b"sixteen bytes ok"
    held: dict[str, Any] = {"KeyBytes": made.KeyBytes} if old else {"Key": made.Key}
    sealed = ask("EncryptSingle", pb.EncryptSingleRequest(Mech=mechanism(number), Plain=plain, **held))
    ciphered = pb.EncryptSingleResponse.FromString(sealed.body).Ciphered
    assert plain not in ciphered
    opened = ask("DecryptSingle", pb.DecryptSingleRequest(Mech=mechanism(number), Ciphered=ciphered, **held))
    assert pb.DecryptSingleResponse.FromString(opened.body).Plain == plain
    assert (opened.status, opened.rule) == (Status.OK, "door.served")


def test_a_known_answer() -> None:
    """AES-CBC by NIST SP 800-38A, F.2.5, and a check value by PKCS #11."""
    secret = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    plain, ciphered = "6bc1bee22e409f96e93d7e117393172a", "f58c4c04d6e5f1ba779eabfb5f7bfbd6"
    assert blobs.encrypt(secret, IV, bytes.fromhex(plain), padded=False).hex() == ciphered
    assert blobs.decrypt(secret, IV, bytes.fromhex(ciphered), padded=False).hex() == plain
    assert blobs.checksum(bytes(16)).hex() == "66e94b"


def test_a_key_is_a_blob_that_shows_nothing_and_stays_nowhere() -> None:
    """The instance keeps no key; the blob is the same to clients old and new; two keys differ."""
    of = instance()
    made = key(of)
    assert (of.keys, list(made.Key.KeyBlobs)) == ({}, [made.KeyBytes])
    assert b"\x00" * 32 not in made.KeyBytes, "the first 32 bytes that were drawn"
    assert len(made.CheckSum) == 3


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(instance(master=b"n" * 32), id="another-master-key"),
        pytest.param(instance(guid="h"), id="another-instance-with-the-same-master-key"),
    ],
)
@pytest.mark.parametrize(
    "function,request_of", [("EncryptSingle", pb.EncryptSingleRequest), ("DecryptSingle", pb.DecryptSingleRequest)]
)
def test_a_blob_of_another_instance_is_refused(
    other: Instance, function: str, request_of: Callable[..., Message]
) -> None:
    """The blob is sealed under the master key and bound to the instance's id."""
    asked = request_of(Mech=mechanism(PAD), Key=key(other).Key)
    given = ask(function, asked)
    assert refused(given) == (Status.UNKNOWN, Ckr.CKR_IBM_BLOB_ERROR)
    assert given.rule == "key.foreign-blob"
    assert refused(ask(function, request_of(Mech=mechanism(PAD)))) == (Status.UNKNOWN, Ckr.CKR_IBM_BLOB_ERROR)


def encryption(number: int = PAD, iv: bytes = IV, plain: bytes = b"x") -> pb.EncryptSingleRequest:
    """Return the request to encrypt with a good key."""
    return pb.EncryptSingleRequest(Mech=mechanism(number, iv), Plain=plain, Key=key().Key)


def decryption(ciphered: bytes, number: int = PAD) -> pb.DecryptSingleRequest:
    """Return the request to decrypt with a good key."""
    return pb.DecryptSingleRequest(Mech=mechanism(number), Ciphered=ciphered, Key=key().Key)


@pytest.mark.parametrize(
    "function,asked,code",
    [
        ("GenerateKey", pb.GenerateKeyRequest(Mech=pb.Mechanism(Mechanism=1)), Ckr.CKR_MECHANISM_INVALID),
        ("GenerateKey", pb.GenerateKeyRequest(Mech=pb.Mechanism(Mechanism=0x1080)), Ckr.CKR_TEMPLATE_INCOMPLETE),
        ("GenerateKey", generation(31), Ckr.CKR_KEY_SIZE_RANGE),
        ("EncryptSingle", encryption(0x1081), Ckr.CKR_MECHANISM_INVALID),
        ("EncryptSingle", encryption(iv=b"short"), Ckr.CKR_MECHANISM_PARAM_INVALID),
        ("EncryptSingle", encryption(CBC), Ckr.CKR_DATA_LEN_RANGE),
        ("DecryptSingle", decryption(b"x"), Ckr.CKR_ENCRYPTED_DATA_LEN_RANGE),
        ("DecryptSingle", decryption(b""), Ckr.CKR_ENCRYPTED_DATA_LEN_RANGE),
        ("DecryptSingle", decryption(bytes(16)), Ckr.CKR_ENCRYPTED_DATA_INVALID),
        ("DecryptSingle", b"\xff", Ckr.CKR_IBM_GREP11_CANNOT_UNMARSHAL),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_by_its_code(function: str, asked: Message | bytes, code: Ckr) -> None:
    """As PKCS #11 names it, one Grep11Error, and nothing else."""
    assert refused(ask(function, asked)) == (Status.UNKNOWN, code)


def test_every_function_of_grep11_asks_the_door_first() -> None:
    """What the lab does not have is said to be missing to those only who may enter."""
    assert len(api.OPERATIONS) == 40
    for path in api.OPERATIONS:
        name = path.removeprefix(SERVICE)
        assert refused(ask(name, b"", account=None)) == (
            Status.UNAUTHENTICATED,
            Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED,
        )
    assert refused(ask("Sign", b"")) == (Status.UNIMPLEMENTED, Ckr.CKR_FUNCTION_NOT_SUPPORTED)


NOT_AUTHENTICATED = (Status.UNAUTHENTICATED, Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED)
DOOR: dict[str, tuple[Instance, dict[str, Any], str, tuple[Status, Ckr]]] = {
    "policy": (instance(policy=LOCKED), {"plane": Plane.PUBLIC}, "policy.private-only", NOT_AUTHENTICATED),
    "another-account": (instance(), {"account": "rival"}, "door.other-account", NOT_AUTHENTICATED),
    "no-role": (instance(), {"level": Level.NOTHING}, "door.missing-role", NOT_AUTHENTICATED),
    "policy-before-state": (
        instance(policy=LOCKED, master=None), {"plane": Plane.PUBLIC}, "policy.private-only", NOT_AUTHENTICATED,
    ),
    "uninitialised": (
        instance(master=None), {}, "instance.not-initialised", (Status.UNKNOWN, Ckr.CKR_IBM_WK_NOT_INITIALIZED),
    ),
    "deleted": (
        instance(policy=LOCKED, deleted=True, master=None), {"plane": Plane.PUBLIC}, "instance.deleted",
        (Status.NOT_FOUND, Ckr.CKR_TOKEN_NOT_PRESENT),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DOOR)
def test_the_door_asks_as_key_managements_does(case: str) -> None:
    """The same questions of the same instance; what a caller may not know apart is one answer, text included."""
    of, how, rule, said = DOOR[case]
    given = ask("GetMechanismList", b"", of, **how)
    assert (given.rule, refused(given)) == (rule, said)
    if said == NOT_AUTHENTICATED:
        assert given.details == ask("GetMechanismList", b"", account=None).details


def test_private_only_serves_the_private_door() -> None:
    """And sabotage that leaves the policy out serves the public one."""
    of = instance(policy=LOCKED)
    for how in ({"plane": Plane.PRIVATE}, {"plane": Plane.PUBLIC, "enforce": False}):
        given = ask("GetMechanismList", b"", of, **how)
        assert list(pb.GetMechanismListResponse.FromString(given.body).Mechs) == list(Mechanism)
