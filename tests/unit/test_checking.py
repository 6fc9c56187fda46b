"""What an author wrote is looked at before anything is played: no slip counts as an agreement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from lab import (
    Call,
    EnableVrf,
    Initialise,
    Netlink,
    Operation,
    Outcome,
    Plane,
    Policy,
    Scenario,
    SetPolicy,
    Step,
    Surface,
    Topology,
    catalogue,
    topology,
)
from lab.cli.main import main
from lab.errors import ModelError
from lab.model.outcome import Expectation
from lab.model.world import World
from lab.play.memory import Memory
from lab.play.runner import Mode, play
from lab.play.silent import Silent

VSI = Call.private("vsi-1", "keys")
GOOD = Step("served", VSI, Outcome.REACHED)


def told(steps: object, over: object = None) -> Scenario:
    """Return a scenario, whatever its parts are."""
    return Scenario(
        name="told",
        topology=cast("Any", topology("single_account") if over is None else over),
        steps=cast("Any", steps),
    )


def deed(what: object, stated: object = Outcome.DONE) -> Step:
    """Return a step that does ``what``."""
    return Step("a slip", cast("Any", what), cast("Any", stated))


DEEDS: dict[str, tuple[object, str]] = {
    "a-class": (EnableVrf, r"deed is the class EnableVrf.*\(EnableVrf\(account=\.\.\.\)\)"),
    "a-text": ("enable VRF", r"'enable VRF' is neither a call nor an action"),
    "nothing": (None, "None is neither a call nor an action"),
    "a-number": (7, "7 is neither a call nor an action"),
    "a-method": (Call.private, "neither a call nor an action"),
    "the-call-class": (Call, r"Call\(by=\.\.\., instance="),
    "no-change": (Netlink("vsi-1"), r'Netlink\("vsi-1"\)\.route'),
    "a-step": (GOOD, "deed is a Step"),
    "another-account": (EnableVrf(account=cast("Any", None)), "account=None is no str"),
    "a-textual-plane": (Call(by="vsi-1", instance="keys", plane=cast("Any", "private")), r"\(Plane\.PRIVATE\)"),
    "a-textual-operation": (Call.private("vsi-1", "keys", cast("Any", "wrap")), r"operation='wrap'.*Operation\.WRAP"),
    "a-misspelt-policy": (SetPolicy(cast("Any", "private-onli"), by=VSI), "did you mean 'PRIVATE_ONLY'"),
    "a-policy-call-without-one": (Call.private("vsi-1", "keys", Operation.SET_POLICY), "sets no policy"),
    "a-token-of-keys": (Call.private("vsi-1", "keys", Operation.TOKEN), "no operation token"),
    "a-policy-by-grep11": (
        SetPolicy(Policy.PRIVATE_ONLY, by=Call.ep11_private("vsi-1", "keys")),
        r"ep11 has no operation set-policy.*key management does that: Call\.private",
    ),
    "encryption-in-the-ui": (
        Call.console("laptop", "keys", Operation.WRAP),
        r"console has no operation wrap.*key management does that: Call\.private",
    ),
    "keys-of-the-broker": (Call.broker("laptop", "keys").to(Operation.LIST), r"broker has no operation list-keys"),
    "the-document-of-key-management": (
        Call.private("vsi-1", "keys", Operation.GET_INSTANCE),
        r"kms has no operation get-instance.*the broker does that: Call\.broker",
    ),
    "encryption-by-key-management": (
        Call.private("vsi-1", "keys", Operation.ENCRYPT),
        r"kms has no operation encrypt.*Call\.ep11_private",
    ),
    "listing-of-iam": (Call(by="vsi-1", instance="keys", plane=Plane.PUBLIC, surface=Surface.IAM), "no operation list"),
}


@pytest.mark.parametrize("mode", [Mode.MODEL, Mode.MEMORY, Mode.LIVE])
@pytest.mark.parametrize("case", DEEDS)
def test_what_is_no_deed_is_told_in_every_mode(case: str, mode: Mode) -> None:
    """Nothing is done by it, so nothing may be called done: an error with the step's place and what was meant."""
    what, said = DEEDS[case]
    with pytest.raises(ModelError, match=r"^told/step 2: ") as caught:
        play(told((GOOD, deed(what))), mode)
    assert caught.match(said)


STATED: dict[str, tuple[object, str]] = {
    "a-text": ("timed-out", r"'timed-out' is no outcome \(Outcome\.TIMED_OUT\)"),
    "a-misspelt-text": ("reachd", "did you mean 'reached'"),
    "nothing": (None, "None is no outcome"),
    "the-method": (Outcome.REFUSED.because, "because"),
    "a-misspelt-rule": (Outcome.UNAUTHORIZED.because("policy.privat-only"), "did you mean 'policy.private-only'"),
    "a-rule-that-is-none": (Outcome.UNAUTHORIZED.because("zzzzzzzzzzzzzz"), "docs/rules.md"),
    "a-number-as-rule": (Outcome.UNAUTHORIZED.because(cast("Any", 5)), "because 5, which is no rule"),
    "an-expected-text": (Expectation(outcome=cast("Any", "reached")), r"Outcome\.REACHED"),
}


@pytest.mark.parametrize("case", STATED)
def test_what_is_no_statement_is_told(case: str) -> None:
    """A misspelt rule is the author's slip, and no divergence of the product."""
    stated, said = STATED[case]
    with pytest.raises(ModelError, match=rf"^told/step 1: .*{said}"):
        play(told((deed(VSI, stated),)), Mode.MODEL)


WHOLE: dict[str, tuple[object, object, str]] = {
    "a-bare-step": (GOOD, None, r"told/steps: a single Step.*comma"),
    "a-text-of-steps": ("steps", None, "told/steps: 'steps' is no tuple of Step"),
    "a-step-that-is-none": ((GOOD, VSI), None, r"told/step 2: a Call is no Step"),
    "a-tuple-in-the-tuple": (((GOOD,),), None, r"told/step 1: .*a tuple in the tuple"),
    "no-steps": ((), None, "told: has no steps"),
    "a-topologys-name": ((GOOD,), "single_account", r'told/topology: .*\(topology\("single_account"\)\)'),
    "no-topology": ((GOOD,), 5, "told/topology: 5 is no topology"),
    "a-topology-class": ((GOOD,), Topology, r"told/topology: the class Topology.*\(Topology\(\)\)"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_no_scenario_is_told(case: str) -> None:
    """A missing comma or a bare name costs one look."""
    steps, over, said = WHOLE[case]
    with pytest.raises(ModelError, match=said):
        play(told(steps, over), Mode.MODEL)


def test_a_list_of_steps_is_as_good() -> None:
    """Nothing depends on the brackets."""
    assert play(told([GOOD]), Mode.MODEL).agreed


def test_everything_is_told_at_once() -> None:
    """One look for all slips."""
    with pytest.raises(ModelError) as caught:
        play(told((deed(None, "reachd"), deed(EnableVrf)), "x"), Mode.MODEL)
    assert len(caught.value.problems) == 4


def test_what_is_no_scenario_at_all_is_told() -> None:
    """A name is loaded first."""
    with pytest.raises(ModelError, match="load_scenario"):
        play(cast("Any", "first_private_call"), Mode.MODEL)
    with pytest.raises(ModelError, match=r"'live' is no Mode \(Mode\.LIVE\)"):
        play(told((GOOD,)), cast("Any", "live"))


def test_a_step_that_cannot_be_is_told_before_the_first_is_played() -> None:
    """Nothing was started and no step is lost: the whole scenario is foreseen first."""
    made: list[World] = []

    def backend(world: World) -> Silent:
        made.append(world)
        return Silent(world)

    steps = (GOOD, GOOD, Step("twice", Initialise(instance="kees"), Outcome.DONE))
    with pytest.raises(ModelError, match=r"told/step 3: instance: no instance named 'kees'.*'keys'"):
        play(told(steps), Mode.MODEL, backend=backend)
    assert made == []


@pytest.mark.parametrize(
    ("mode", "backend", "said"),
    [
        (Mode.LIVE, Memory, r"Memory is one of mode memory, and mode live was asked for .*Mode\.MEMORY"),
        (Mode.MEMORY, Silent, "Silent is one of mode model"),
    ],
)
def test_a_backend_cannot_claim_another_mode(mode: Mode, backend: Callable[[World], Any], said: str) -> None:
    """Memory measures nothing, whatever it is called."""
    with pytest.raises(ModelError, match=said):
        play(told((GOOD,)), mode, backend=backend)


SCENARIO = """\"\"\"A story.\"\"\"
from lab import Call, EnableVrf, Initialise, Outcome, Policy, Scenario, SetPolicy, Step, topology
SCENARIO = Scenario(topology=topology("single_account"), steps=(
    Step("served", Call.private("vsi-1", "keys"), Outcome.REACHED),
    Step("slip", {deed}, {stated}),
))
"""


@pytest.mark.parametrize(
    ("what", "stated", "said"),
    [
        ("EnableVrf", "Outcome.DONE", "slip/step 2: deed is the class EnableVrf"),
        ('EnableVrf(acount="acme")', "Outcome.DONE", "slip.py:5: does not import: TypeError"),
        ('SetPolicy(Policy.PRIVATE_ONLY, by="vsi-1")', "Outcome.DONE", "by='vsi-1' is no call"),
        ('Initialise(instance="kees")', "Outcome.DONE", "slip/step 2: instance: no instance named 'kees'"),
        ("EnableVrf()", "Outcome.DONE", "(account=...)"),
        ('Call.privat("vsi-1", "keys")', "Outcome.DONE", "did you mean 'private'?"),
        ("EnableVrv", "Outcome.DONE", "did you mean 'EnableVrf'?"),
        ('Call.private("vsi-1", "keys")', "Outcome.REACHT", "did you mean 'REACHED'?"),
        ('Call.private("vsi-1", "keys")', 'Outcome.REACHED.because("door.servd")', "did you mean 'door.served'?"),
    ],
)
def test_a_slip_in_a_scenarios_file_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, stated: str, said: str
) -> None:
    """One line with the place and what was meant, no traceback, nothing on standard output."""
    path = tmp_path / "slip.py"
    path.write_text(SCENARIO.format(deed=what, stated=stated))
    for more in (["--memory"], ["--memory", "--json"]):
        assert main(["play", str(path), *more]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert len(err.splitlines()) == 1


def test_who_wants_to_disable_vrf_is_told_that_nobody_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The one-way door has no other side, and the vocabulary has no word for it."""
    path = tmp_path / "slip.py"
    said = SCENARIO.format(deed='EnableVrf(account="acme")', stated="Outcome.DONE")
    path.write_text(said.replace("EnableVrf", "DisableVrf"))
    assert main(["play", str(path), "--memory"]) == 2
    assert "there is none: once enabled, VRF cannot be disabled (account.vrf-one-way)" in capsys.readouterr().err


TOPOLOGY = """\"\"\"Mine.\"\"\"
from lab import Builder, Topology, topology
{decorator}
class Mine(Topology):
    \"\"\"Mine.\"\"\"
    count: int = 1
    def build(self, b: Builder) -> None:
        acme = b.account("acme")
        {line}
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "mine.py:9: build() fails: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "mine.py:9: build() fails: SystemExit: 3"),
        ('b.vsy("a", account=acme)', "mine.py:9: build() fails: AttributeError"),
        ('b.vsy("a", account=acme)', "did you mean 'vsi'?"),
        ('b.vsi("a", account=acme, privat_route=False)', "did you mean 'private_route'?"),
        ('b.vsi("a", account=acme, private_route="no")', "vsi: private_route='no' is no bool"),
        ("b.vsi(5, account=acme)", "mine.py:9: build() fails: TypeError: vsi: name=5 is no str"),
        ("b.vsi(name='a', account=None)", "account=None is no Account or str"),
        ('b.account("other", vrf=1)', "vrf=1 is no bool"),
        ("acmee", "did you mean 'acme'"),
    ],
)
def test_a_slip_in_build_is_told_with_the_authors_line(tmp_path: Path, line: str, said: str) -> None:
    """Also what pelab's own code raises on the author's behalf."""
    path = tmp_path / "mine.py"
    path.write_text(TOPOLOGY.format(decorator="@topology", line=line))
    with pytest.raises(ModelError) as caught:
        catalogue.load_topology(str(path)).world()
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_class_without_its_decorator_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its parameters would be nobody's."""
    path = tmp_path / "mine.py"
    path.write_text(TOPOLOGY.format(decorator="", line="pass"))
    assert main(["matrix", str(path)]) == 2
    err = capsys.readouterr().err
    assert "mine.py:7: class Mine is no topology yet" in err
    assert "write @topology above it" in err


def test_a_parameter_without_default_is_told(tmp_path: Path) -> None:
    """By its name."""
    path = tmp_path / "mine.py"
    path.write_text(TOPOLOGY.format(decorator="@topology", line="pass").replace("count: int = 1", "count: int"))
    with pytest.raises(ModelError, match="mine/count: has no value"):
        catalogue.load_topology(str(path))
    assert catalogue.load_topology(str(path), count="2").world().accounts


def test_policies_are_what_they_say() -> None:
    """The checks let every right deed pass."""
    steps = (
        Step("set", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), Outcome.REACHED),
        Step("token", Call.token("vsi-1", "keys", Plane.PRIVATE), Outcome.REACHED),
        Step("route", Netlink("vsi-1").route("del", dst="166.9.0.0/16"), Outcome.DONE),
    )
    assert play(told(steps), Mode.MODEL).agreed


@pytest.mark.parametrize(
    "step,why",
    [
        (Step("a call", VSI, Outcome.DONE), "a call is never done"),
        (Step("a change", EnableVrf(account="acme"), Outcome.REACHED), r"a change is never reached \(Outcome.DONE\)"),
        (
            Step("a route", Netlink("vsi-1").route("del", dst="166.9.0.0/16"), Outcome.TIMED_OUT),
            r'a change is never timed-out \(Outcome.DONE or Outcome.CONFLICT.because\("host.route-refused"\)\)',
        ),
    ],
)
def test_an_outcome_that_the_deed_cannot_have_is_a_slip(step: Step, why: str) -> None:
    """Played, it would look as if the network had failed."""
    with pytest.raises(ModelError, match=why):
        play(told((GOOD, step)), Mode.MODEL)
