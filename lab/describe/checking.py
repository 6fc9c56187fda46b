"""What can be wrong with a scenario as its author wrote it; looked at before anything is played.

Whether its steps can be in their world is the runner's question (it asks the oracle about each); here it is only
whether each part is a thing of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final, get_args

from lab.describe.inclusion import TopologyRef
from lab.describe.kinds import of_fields, shown
from lab.describe.scenario import Scenario, Step
from lab.describe.topology import Topology
from lab.errors import ModelError, Problem, nearest
from lab.model.action import Action
from lab.model.call import OPERATIONS, Call, Operation
from lab.model.outcome import Denial, Expectation, Outcome
from lab.model.plane import Surface
from lab.model.routes import HostRoute, Netlink
from lab.model.rules import BY_ID

_OF_A_CHANGE: Final = {Outcome.DONE, Outcome.CONFLICT, Denial.DENIED}
_DEEDS: Final = (Call, *get_args(Action))
_SAMPLE: Final = 'Call.private("vsi-1", "keys"), or an action such as EnableVrf(account="acme")'


def check(scenario: Scenario) -> None:
    """Raise ModelError with everything in ``scenario`` that is not what it should be, each with its place."""
    found: object = scenario
    if not isinstance(found, Scenario):
        hint = "lab.catalogue.load_scenario(name) gives one by name"
        raise ModelError(Problem(where="scenario", text=f"{shown(found)} is no Scenario", hint=hint))
    problems = [*_topology(scenario.topology, scenario.name or "scenario"), *_steps(scenario)]
    if problems:
        raise ModelError(*problems)


def check_deed(deed: object, *, asked: bool) -> None:
    """Raise ModelError if ``deed`` is no call (``asked``) or no action (not ``asked``), or holds what does not fit."""
    where = "call" if asked else "action"
    problems = [Problem(where=where, text=text, hint=hint) for text, hint in _deed(deed)]
    if not problems and isinstance(deed, Call) is not asked:
        hint = "an action is for act(...)" if asked else "a call is for ask(...)"
        problems = [Problem(where=where, text=f"{shown(deed)} is no {where}", hint=hint)]
    if problems:
        raise ModelError(*problems)


def check_stated(stated: object) -> None:
    """Raise ModelError if ``stated`` is no outcome, or names a rule that there is not."""
    problems = [Problem(where="stated", text=text, hint=hint) for text, hint in _stated(stated)]
    if problems:
        raise ModelError(*problems)


def _topology(found: object, name: str) -> Iterator[Problem]:
    where = f"{name}/topology"
    match found:
        case Topology() | TopologyRef():
            return
        case str():
            yield Problem(where=where, text=f"{found!r} is a text", hint=f'topology("{found}")')
        case type() if issubclass(found, Topology):
            yield Problem(where=where, text=f"{shown(found)} is no topology yet", hint=f"{found.__name__}()")
        case _:
            yield Problem(where=where, text=f"{shown(found)} is no topology", hint='topology("single_account")')


def _steps(scenario: Scenario) -> Iterator[Problem]:
    name, steps = scenario.name or "scenario", scenario.steps
    found: object = steps
    match found:
        case tuple() | list():
            if not found:
                yield Problem(where=name, text="has no steps", hint="steps=(Step(...),)")
            for number, step in enumerate(found, 1):
                for text, hint in _step(step):
                    yield Problem(where=f"{name}/step {number}", text=text, hint=hint)
        case Step():
            text = "a single Step, and should be a tuple of them"
            yield Problem(where=f"{name}/steps", text=text, hint="a comma makes it one: steps=(Step(...),)")
        case _:
            yield Problem(where=f"{name}/steps", text=f"{shown(found)} is no tuple of Step", hint="steps=(Step(...),)")


def _step(step: object) -> Iterator[tuple[str, str]]:
    if not isinstance(step, Step):
        hint = "Step(text, deed, stated), and a comma after each"
        if isinstance(step, tuple | list):
            hint = "a tuple in the tuple; " + hint
        yield f"{shown(step)} is no Step", hint
        return
    text: object = step.text
    if not isinstance(text, str):
        yield f"{shown(text)} is no text that says what the step does", "Step(text, deed, stated)"
    yield from _deed(step.deed)
    wrong = tuple(_stated(step.stated))
    yield from wrong or _unfit(step)


def _unfit(step: Step) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an outcome that this kind of deed cannot have."""
    outcome = step.expectation.outcome
    if isinstance(step.deed, Call) and outcome is Outcome.DONE:
        yield "a call is never done", "state what its caller sees: Outcome.REACHED, Outcome.TIMED_OUT, ..."
    if isinstance(step.deed, get_args(Action)) and outcome not in _OF_A_CHANGE:
        refused = ' or Outcome.CONFLICT.because("host.route-refused")' if isinstance(step.deed, HostRoute) else ""
        yield f"a change is never {outcome.value}", f"Outcome.DONE{refused}"


def _deed(deed: object) -> Iterator[tuple[str, str]]:
    if isinstance(deed, _DEEDS):
        wrong = tuple(of_fields(deed))
        yield from wrong or (_call(deed) if isinstance(deed, Call) else ())
    elif isinstance(deed, type) and issubclass(deed, _DEEDS):
        yield f"deed is {shown(deed)}, and nothing would be done", f"{deed.__name__}({_arguments(deed)})"
    elif isinstance(deed, Netlink) or deed is Netlink:
        yield "deed says no change of the host's kernel", 'Netlink("vsi-1").route("add", dst=..., gateway=...)'
    elif isinstance(deed, Step):
        yield "deed is a Step", "one Step after the other, not inside it"
    else:
        yield f"deed {shown(deed)} is neither a call nor an action", f"such as {_SAMPLE}"


def _arguments(kind: type) -> str:
    return ", ".join(f"{f.name}=..." for f in fields(kind))


def _call(call: Call) -> Iterator[tuple[str, str]]:
    if call.operation is Operation.SET_POLICY and call.policy is None:
        yield "this call sets no policy", "SetPolicy(Policy.PRIVATE_ONLY, by=Call.private(...))"
    known = OPERATIONS.get(call.surface, frozenset())
    if known and call.operation not in known:
        yield f"{call.surface.value} has no operation {call.operation.value}", _offered_by(call.operation)


def _offered_by(operation: Operation) -> str:
    """Return how a call for ``operation`` is said."""
    match next(surface for surface, known in OPERATIONS.items() if operation in known):
        case Surface.IAM:
            return "IAM gives tokens: Call.token(...)"
        case Surface.EP11:
            return "GREP11 does that: Call.ep11_private(...)"
        case Surface.TKE:
            return "Trusted Key Entry does that: Call.tke_private(...)"
        case Surface.BROKER:
            return "the broker does that: Call.broker(...)"
        case _:
            return "key management does that: Call.private(...)"


def _stated(stated: object) -> Iterator[tuple[str, str]]:
    match stated:
        case Outcome():
            return
        case Expectation():
            cause: object = stated.cause
            if cause is not None and not (isinstance(cause, str) and cause in BY_ID):
                yield f"stated because {shown(cause)}, which is no rule", _rule(cause)
            outcome: object = stated.outcome
            if not isinstance(outcome, Outcome | Denial):
                yield from _outcome(outcome)
        case _:
            yield from _outcome(stated)


def _rule(cause: object) -> str:
    found = nearest(cause, BY_ID) if isinstance(cause, str) else ""
    return found or "docs/rules.md lists the rules"


def _outcome(stated: object) -> Iterator[tuple[str, str]]:
    told = stated.lower().replace("_", "-") if isinstance(stated, str) else ""
    named = {outcome.value: f"Outcome.{outcome.name}" for outcome in Outcome}
    near = nearest(told, named) if told else ""
    hint = named.get(told) or near or "Outcome.REACHED, Outcome.TIMED_OUT, ..."
    if isinstance(stated, type(Outcome.REACHED.because)):
        hint = 'because(...) wants the rule: Outcome.UNAUTHORIZED.because("policy.private-only")'
    yield f"stated {shown(stated)} is no outcome", hint
