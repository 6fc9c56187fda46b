"""Every guard of a GREP11 success can withdraw it: what was encrypted must decrypt again, and here only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import Message

from lab import Call, Operation, Outcome
from lab.errors import ProbeFailed
from lab.grep11 import Mechanism
from lab.grep11 import grep11_pb2 as pb
from lab.measure import grep11
from tests.unit.scripted import EP11_LAPTOP, EP11_VSI, ScriptedLab, policy
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, says, sets

OTHER = pb.GetMechanismListResponse(Mechs=[*Mechanism, 1]).SerializeToString()
ANYTHING = pb.DecryptSingleResponse(Plain=b"anything").SerializeToString()


def served(call: Call) -> ScriptedLab:
    """Return a call that was served: it arrived at its door, and the log agrees."""
    told = ScriptedLab(call, wrapped={})
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=200, rule="door.served")
    return told


def inside(operation: Operation = Operation.LIST_MECHANISMS) -> Callable[[], ScriptedLab]:
    """Return what makes a private call that was served."""
    return lambda: served(EP11_VSI.to(operation, key="k"))


def outside() -> ScriptedLab:
    """Return a public call that was served."""
    return served(EP11_LAPTOP)


def locked_inside() -> ScriptedLab:
    """Return a private call that was served under private-only."""
    told = served(EP11_VSI)
    says(policy=(200, policy("private-only")))(told)
    return told


SOUND: dict[str, tuple[Callable[[], ScriptedLab], str]] = {
    "mechanisms": (inside(), "policy.default"),
    "mechanisms-outside": (outside, "policy.default"),
    "mechanisms-under-private-only": (locked_inside, "policy.private-endpoint-served"),
    "generate": (inside(Operation.GENERATE_KEY), "policy.default"),
    "encrypt": (inside(Operation.ENCRYPT), "policy.default"),
    "decrypt": (inside(Operation.DECRYPT), "policy.default"),
}
NO_KEY = "acknowledged, but the instance does not take the key"
LOST = "served, but what was encrypted does not decrypt again"
UNBOUND = "served, but another instance does not refuse the key: it is bound to nothing"
SPOILED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    "arrived-nowhere": (inside(), sets(seen=[]), "answered, but nothing of it was seen to arrive"),
    **{
        f"log-contradicts-in-{name}": (inside(), logs(**{name: "another"}), f"the service's log says {name} another")
        for name in log_of(inside()(), status=200, rule="door.served")
    },
    "policy-cannot-be-read": (inside(), denied(policy=400), "served, but the owner cannot read under which policy"),
    "public-under-private-only": (
        outside,
        says(policy=(200, policy("private-only"))),
        "served at the public door although the owner reads private-only",
    ),
    "other-mechanisms": (inside(), says(private=(200, OTHER)), "answered with other mechanisms than the owner is told"),
    "owner-is-told-none": (inside(), denied(private=400), "answered with other mechanisms than the owner is told"),
    "generate-no-key": (inside(Operation.GENERATE_KEY), denied(private=400), NO_KEY),
    **{
        f"{operation.value}-{name}": (inside(operation), spoil, why)
        for operation in (Operation.ENCRYPT, Operation.DECRYPT)
        for name, spoil, why in (
            ("owner-refused", denied(private=400), LOST),
            ("owner-decrypts-something-else", says(private=(200, ANYTHING)), LOST),
            ("another-instance-decrypts", says(twin=(200, ANYTHING)), UNBOUND),
            ("another-instance-refuses-for-another-reason", denied(twin=401), UNBOUND),
        )
    },
    "generate-another-instance-decrypts": (inside(Operation.GENERATE_KEY), says(twin=(200, ANYTHING)), UNBOUND),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_success_that_shows_stands(case: str) -> None:
    """Answered, arrived, logged and found true by the owner; the rule is what the owner reads as the policy."""
    made, cause = SOUND[case]
    said = made().measured()
    assert (said.outcome, said.cause, said.vacuous) == (Outcome.REACHED, cause, "")


@pytest.mark.parametrize("case", SPOILED)
def test_a_success_that_does_not_show_is_vacuous(case: str) -> None:
    """An answer alone is no measurement."""
    proves_nothing(*SPOILED[case])


def test_a_call_that_is_served_with_a_key_that_nobody_made_is_vacuous() -> None:
    """A service that takes any blob encrypts with nothing."""
    told = served(EP11_VSI.to(Operation.ENCRYPT, key="k"))
    told.wrapped = None
    says(caller=(200, pb.EncryptSingleResponse(Ciphered=b"c").SerializeToString()))(told)
    assert told.measured().vacuous == "served with a key that nobody made"


@pytest.mark.parametrize(
    "operation,answer,why",
    [
        (Operation.LIST_MECHANISMS, pb.GetMechanismListResponse(), "a list of mechanisms without CKM_AES_KEY_GEN"),
        (Operation.GENERATE_KEY, pb.GenerateKeyResponse(), "without a key"),
        (Operation.GENERATE_KEY, pb.GenerateKeyResponse(KeyBytes=b"k"), "without a key that is one to clients old"),
        (Operation.ENCRYPT, pb.EncryptSingleResponse(), "in the clear, or nothing"),
        (Operation.DECRYPT, pb.DecryptSingleResponse(Plain=b"other"), "not what was encrypted"),
        (Operation.DECRYPT, None, "is no DecryptSingleResponse"),
    ],
)
def test_an_answer_that_only_pretends_is_trouble(operation: Operation, answer: object, why: str) -> None:
    """A status is not an answer: the message must be one of its operation."""
    told = inside(operation)()
    says(caller=(200, answer.SerializeToString() if isinstance(answer, Message) else b"\xff"))(told)
    with pytest.raises(ProbeFailed, match=why):
        told.measured()


def test_an_encryption_that_shows_its_secret_is_found_out() -> None:
    """Padded by what it likes: it is no encryption."""
    secret = grep11.fresh_secret()

    class Heard:
        name, status = "ep11", 0
        body = pb.EncryptSingleResponse(Ciphered=b"head" + secret.plain + b"tail").SerializeToString()

    with pytest.raises(ProbeFailed, match="in the clear"):
        grep11.ciphered_in(Heard(), secret)
