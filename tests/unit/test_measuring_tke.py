"""Every guard of what Trusted Key Entry says can withdraw it: units, a missing instance, a loaded master key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab import Call, Operation, Outcome
from lab.errors import ProbeFailed
from lab.measure import requests, tke
from lab.measure.observation import Observation
from lab.measure.requests import HttpRequest
from tests.unit.scripted import ScriptedLab, policy, refusal, two_accounts
from tests.unit.spoiling import Spoil, arrival, denied, log_of, logs, proves_nothing, says, sets

INSIDE, OUTSIDE = Call.tke_private("vsi-1", "keys"), Call.tke_public("laptop", "keys")
LOADED = "the pattern of the key whose parts the caller sent"
OLD = hashlib.sha256(b"old").hexdigest()
EARLY = (400, refusal("CKR_IBM_WK_NOT_INITIALIZED"))
TAKEN = (409, refusal("Conflict: The current master key register is not empty"))


def units(name: str = "keys", pattern: str = OLD) -> tuple[int, Any]:
    """Return the answer that lists an instance's two crypto units; ``pattern`` empty: they have no master key."""
    register = "Valid" if pattern else "Empty"
    about = {"current_master_key": register, "verification_pattern": pattern}
    return 200, {"hsms": [{"hsm_id": f"{name}-{number}", **about} for number in (1, 2)], "source_hsms": []}


NOTHING: tuple[int, dict[str, list[Any]]] = 200, {"hsms": [], "source_hsms": [], "failover_hsms": []}


def made(call: Call, caller: tuple[int, Any], *, rule: str = "door.served", **others: tuple[int, Any]) -> ScriptedLab:
    """Return a call that was answered: it arrived at its door, and the log agrees."""
    told = ScriptedLab(call)
    says(caller=caller, twin=units("twin"), **others)(told)
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=caller[0], rule=rule)
    if rule != "door.served":
        told.logged["decision"] = "deny"
    return told


def listed(call: Call = INSIDE) -> ScriptedLab:
    """Return an initialised instance whose units are shown."""
    return made(call, units(), private=units())


def listed_empty() -> ScriptedLab:
    """Return an instance that is not initialised whose units are shown."""
    return made(INSIDE, units(pattern=""), private=units(pattern=""), policy=EARLY)


def left_out(call: Call = OUTSIDE) -> ScriptedLab:
    """Return an instance that private-only leaves out of the list."""
    return made(call, NOTHING, rule="policy.private-only", private=units(), policy=(200, policy("private-only")))


def left_out_early() -> ScriptedLab:
    """Return the same of an instance that is not initialised."""
    return made(OUTSIDE, NOTHING, rule="policy.private-only", private=units(pattern=""), policy=EARLY)


def initialised(call: Call = INSIDE) -> ScriptedLab:
    """Return a master key that was loaded."""
    return made(call.to(Operation.INITIALISE), units(pattern=LOADED), private=units(pattern=LOADED), policy=EARLY)


def kept_out() -> ScriptedLab:
    """Return an initialisation that private-only refuses; the control instance says that it has a master key."""
    told = made(
        OUTSIDE.to(Operation.INITIALISE), (401, refusal("no")), rule="policy.private-only",
        private=units(pattern=""), policy=EARLY,
    )  # fmt: skip
    says(twin=TAKEN)(told)
    return told


def again() -> ScriptedLab:
    """Return an initialisation of an instance that is initialised."""
    told = made(INSIDE.to(Operation.INITIALISE), TAKEN, rule="instance.initialised-already", private=units())
    says(twin=TAKEN)(told)
    return told


def strangers(operation: Operation = Operation.LIST_CRYPTO_UNITS) -> ScriptedLab:
    """Return what a stranger's token is refused; its own account's control instance lets it in."""
    told = ScriptedLab(OUTSIDE.to(operation), world=two_accounts())
    own = TAKEN if operation is Operation.INITIALISE else units("own-twin")
    no = (401, refusal("no"))
    told.says = {"caller": no, "twin": no, "own-twin": own, "private": no, "owner": units()}
    told.seen = [arrival(told)]
    told.logged = log_of(told, status=401, rule="door.other-account")
    return told


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedLab], Any]:
    """Return what measures a scripted lab in which LOADED stands for the pattern of what the caller really sent."""
    ask = ScriptedLab.ask

    async def knowing(self: ScriptedLab, node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        if "correlation-id" in request.headers and request.body:
            one, other = (bytes.fromhex(part) for part in json.loads(request.body)["key_parts"])
            key = bytes(a ^ b for a, b in zip(one, other, strict=True))
            sent = hashlib.sha256(b"\x01" + key).hexdigest()[:-8] + "0" * 8
            self.says = json.loads(json.dumps(self.says).replace(LOADED, sent))
        return await ask(self, node, name, port, request, **how)

    monkeypatch.setattr(ScriptedLab, "ask", knowing)
    return lambda told: told.measured()


def half_empty(told: ScriptedLab) -> None:
    """Have units say of an empty register what key is in it."""
    told_of = {"hsms": [{**unit, "current_master_key": "Empty"} for unit in units()[1]["hsms"]]}
    says(caller=(200, told_of), private=(200, told_of))(told)


LEFT_OUT, KEPT_OUT = (Outcome.NOT_LISTED, "tke.left-out"), (Outcome.UNAUTHORIZED, "instance.initialise-privately")
SERVED, OTHERS = (Outcome.REACHED, "tke.served"), (Outcome.UNAUTHORIZED, "door.other-account")
SOUND: dict[str, tuple[Callable[[], ScriptedLab], tuple[Outcome, str]]] = {
    "units": (listed, SERVED),
    "units-outside": (lambda: listed(OUTSIDE), SERVED),
    "units-without-a-key": (listed_empty, SERVED),
    "left-out": (left_out, LEFT_OUT),
    "left-out-before-initialisation": (left_out_early, LEFT_OUT),
    "initialised": (initialised, SERVED),
    "initialised-outside": (lambda: initialised(OUTSIDE), SERVED),
    "initialising-kept-out": (kept_out, KEPT_OUT),
    "initialised-already": (again, (Outcome.CONFLICT, "instance.initialised-already")),
    "stranger": (strangers, OTHERS),
    "stranger-initialises": (lambda: strangers(Operation.INITIALISE), OTHERS),
}
OTHER_UNITS = "answered with other crypto units than the owner is shown"
REGISTER = "the crypto units say another thing of the master key than key management does"
SHARED = "answered with crypto units that another instance has too"
NOT_LOADED = "acknowledged, but the crypto units do not hold the key whose parts were sent"
ANYWAY = "refused, and the crypto units hold the key whose parts were sent"
UNPROVED, NO_PAIR = "the control pairs do not tell policy, role and request apart", "no control pair proves why"
OPEN = "refused as by private-only, but that is not the policy that the owner reads"
ONE_OF_TWO = 200, {"hsms": [units(pattern=LOADED)[1]["hsms"][0], units(pattern=OLD)[1]["hsms"][1]]}
SPOILED: dict[str, tuple[Callable[[], ScriptedLab], Spoil, str]] = {
    **{
        f"{case.__name__}-arrived-nowhere": (case, sets(seen=[]), "answered, but nothing of it was seen to arrive")
        for case in (listed, left_out, left_out_early, kept_out, again, strangers)
    },
    **{
        f"{case.__name__}-log-contradicts-in-{name}": (case, logs(**{name: "another"}), f"log says {name} another")
        for case in (listed, left_out, left_out_early, kept_out)
        for name in sorted(log_of(listed(), status=200, rule="door.served").keys() - {"rule"})
    },
    "served-under-another-rule": (listed, logs(rule="another"), "log says rule another"),
    "left-out-under-another-rule": (left_out, logs(rule="another"), "the service's log says another"),
    "owner-is-shown-others": (listed, says(private=units("others")), OTHER_UNITS),
    "owner-is-shown-none": (listed, says(private=NOTHING), OTHER_UNITS),
    "owner-is-refused": (listed, denied(private=401), OTHER_UNITS),
    "same-units-for-everybody": (listed, says(twin=units("keys")), SHARED),
    "another-instances-units-unknown": (listed, says(twin=NOTHING), SHARED),
    "units-without-ids": (listed, says(caller=(200, {"hsms": [{}]}), private=(200, {"hsms": [{}]})), SHARED),
    "no-key-where-there-is-one": (listed, says(caller=units(pattern=""), private=units(pattern="")), REGISTER),
    "empty-and-with-a-pattern": (listed_empty, half_empty, REGISTER),
    "a-key-before-there-is-one": (listed_empty, says(caller=units(), private=units()), REGISTER),
    "public-under-private-only": (
        lambda: listed(OUTSIDE), says(policy=(200, policy("private-only"))),
        "shown at the public door although the owner reads private-only",
    ),
    "nobody-is-listed-outside": (left_out, says(twin=NOTHING), NO_PAIR),
    "nobody-is-listed-inside": (left_out, says(private=NOTHING), NO_PAIR),
    "left-out-and-open": (left_out, says(policy=(200, policy("public-and-private"))), OPEN),
    "left-out-and-no-policy-set": (left_out, says(policy=(200, {"resources": []})), OPEN),
    "left-out-and-the-policy-unread": (left_out, denied(policy=401), OPEN),
    "left-out-inside": (lambda: left_out(INSIDE), sets(), NO_PAIR),
    "loaded-another-key": (initialised, says(caller=units(), private=units()), NOT_LOADED),
    "loaded-into-one-of-two": (initialised, says(caller=ONE_OF_TWO, private=ONE_OF_TWO), NOT_LOADED),
    "loaded-and-the-owner-is-shown-none": (initialised, says(private=units(pattern="")), OTHER_UNITS),
    "kept-out-and-role-unproved": (kept_out, denied(twin=401), UNPROVED),
    "kept-out-and-the-control-takes-it": (kept_out, says(twin=units("twin")), UNPROVED),
    "kept-out-and-unseen-inside": (kept_out, denied(private=401), UNPROVED),
    "kept-out-and-open": (kept_out, says(policy=(200, policy("public-and-private"))), OPEN),
    "kept-out-and-loaded": (kept_out, says(private=units(pattern=LOADED)), ANYWAY),
    "kept-out-and-half-loaded": (kept_out, says(private=ONE_OF_TWO), ANYWAY),
    "conflict-without-a-key": (again, says(private=units(pattern="")), NO_PAIR),
    "conflict-and-loaded": (again, says(private=units(pattern=LOADED)), ANYWAY),
    "stranger-is-nobody": (strangers, says(own_twin=(401, refusal("no"))), UNPROVED),
    "stranger-and-no-owner": (strangers, says(owner=(401, refusal("no"))), UNPROVED),
    "stranger-and-loaded": (lambda: strangers(Operation.INITIALISE), says(owner=units(pattern=LOADED)), ANYWAY),
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_what_tke_says_stands_with_all_its_proof(case: str, measured: Callable[[ScriptedLab], Any]) -> None:
    """Shown, left out, loaded, refused: outcome and rule, and nothing is wrong with it."""
    make, wanted = SOUND[case]
    said = measured(make())
    assert (said.outcome, said.cause, said.vacuous) == (*wanted, "")


@pytest.mark.parametrize("case", SPOILED)
def test_without_any_one_of_its_proofs_it_is_vacuous(case: str, measured: Callable[[ScriptedLab], Any]) -> None:
    """An answer alone is no measurement, and a short list no denial."""
    proves_nothing(*SPOILED[case], measured)


def test_a_master_key_that_key_management_does_not_find_is_vacuous(measured: Callable[[ScriptedLab], Any]) -> None:
    """Loaded is what serves: the owner's key call must be let past the initialisation."""
    told = initialised()
    ask = told.ask

    async def unserved(node: str, name: str, port: int, request: HttpRequest, **how: Any) -> Any:
        told.says["private"] = EARLY if request.path.startswith("/api/v2/keys") else told.says["caller"]
        return await ask(node, name, port, request, **how)

    told.ask = unserved  # type: ignore[method-assign]
    assert measured(told).vacuous == "acknowledged, but key management does not serve the owner"


@pytest.mark.parametrize(
    "told", [b"", b"no json", b"[]", b"{}", b'{"units": []}', b'{"hsms": null}', b'{"hsms": "none"}', b'{"hsms": {}}']
)
def test_an_answer_without_a_list_is_trouble_and_no_missing_instance(told: bytes) -> None:
    """Whatever is not an empty list says nothing of what is missing from it."""
    request = tke.request(Operation.LIST_CRYPTO_UNITS, requests.Credentials(token="", guid="g"))
    with pytest.raises(ProbeFailed, match="answered 200 without a list hsms"):
        requests.shown(request, 200, told)


@pytest.mark.parametrize("unit", ['"x"', '{"hsm_id": 1}', '{"verification_pattern": null}', "[]"])
def test_units_that_are_none_are_trouble(unit: str) -> None:
    """A list of something else says nothing of any master key."""
    body = f'{{"hsms": [{unit}]}}'.encode()
    seen = Observation(node="n", name="tke", port=443, attempts=(), status=200, body=body)
    for said in (tke.keyed, tke.empty):
        with pytest.raises(ProbeFailed, match="without a list of crypto units"):
            said(seen)


def test_a_register_that_says_nothing_of_its_key_holds_none() -> None:
    """Valid, and no pattern by which its owner would know it again: that is no proof of a master key."""
    body = b'{"hsms": [{"hsm_id": "1", "current_master_key": "Valid"}]}'
    assert not tke.keyed(Observation(node="n", name="tke", port=443, attempts=(), status=200, body=body))


def test_units_in_any_list_are_listed() -> None:
    """An instance of which recovery units are told is not missing."""
    request = tke.request(Operation.LIST_CRYPTO_UNITS, requests.Credentials(token="", guid="g"))
    assert requests.shown(request, 200, b'{"hsms": [], "source_hsms": [{"hsm_id": "a"}]}') == "200"
    assert requests.shown(request, 200, b'{"hsms": [], "source_hsms": []}') == "200 empty"


def test_a_key_pattern_is_that_of_the_sum_of_its_parts() -> None:
    """Two parts that are alike make a key of nothing but zeros, and the pattern ends in four bytes of zeros."""
    same = HttpRequest(method="POST", path="", body=json.dumps({"key_parts": ["11" * 32] * 2}).encode())
    wanted = hashlib.sha256(b"\x01" + bytes(32)).digest()[:-4].hex() + "00000000"
    shown = ScriptedLab(INSIDE)._answer("", "", 0, ScriptedLab(INSIDE).flow, *units(pattern=wanted))
    assert tke.loaded(same, shown)


def test_key_parts_are_drawn_anew_for_each_request() -> None:
    """Two initialisations never share a part, nor do the parts of one."""
    asked = [tke.request(Operation.INITIALISE, requests.Credentials(token="", guid="g")) for _ in range(2)]
    parts = [part for request in asked for part in json.loads(request.body)["key_parts"]]
    assert len(set(parts)) == 4
    assert all(len(bytes.fromhex(part)) == 32 for part in parts)
    assert {request.listing for request in asked} == {"hsms"}
