"""The one runner of scenarios: folds the steps over the world, asks every voice, and checks that they agree.

Three voices: *stated* by the author, *predicted* by the oracle, *measured* by a backend. Without a
network the third is silent; in memory the real service code decides at the door and must agree too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

from lab import catalogue
from lab.describe.checking import check
from lab.describe.kinds import misfits
from lab.describe.scenario import Deed, Scenario, Step
from lab.errors import LiveError, ModelError, Problem
from lab.model.action import Action, apply, effect
from lab.model.call import Call, Operation
from lab.model.outcome import Evidence, Expectation, Hop, Measurement, Outcome, Traffic, Verdict
from lab.model.routes import RouteRefused
from lab.model.rules import BY_ID, Mark
from lab.model.world import World
from lab.oracle import predict

_LOOKS = frozenset({
    Operation.TOKEN, Operation.LIST, Operation.GET, Operation.UNWRAP, Operation.GET_POLICY, Operation.GET_INSTANCE,
    Operation.LIST_MECHANISMS, Operation.DECRYPT, Operation.LIST_CRYPTO_UNITS,
})  # fmt: skip
"""What leaves everything as it is, at the services and in clients' hands; every other operation may change it."""


class Mode(Enum):
    """How a scenario is run."""

    MODEL = "model"
    MEMORY = "memory"
    LIVE = "live"


class Backend(Protocol):
    """Who carries steps out: the memory backend or a lab. ``mode`` is the value of the mode in which it runs."""

    mode: str
    vrf_backend: str | None

    def act(self, action: Action) -> Measurement | None:
        """Carry out a change that is no call, and read it back; None where this backend has no say."""

    def ask(self, call: Call) -> Measurement | None:
        """Make a call; None where this backend has no say (packets that die on the way, in memory)."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; nothing stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What the voices said of one step.

    ``predicted`` is None where the model was not asked, ``measured`` without a network. ``cause`` is the measured cause
    where one was proved, else the predicted one. ``why`` says what is wrong, empty if nothing; ``assumed`` names the
    assumed rules behind it. ``way`` is where its packets were seen; empty without a network, and of what is no call.
    """

    text: str
    stated: Expectation
    predicted: Verdict | None
    measured: Outcome | Traffic | None
    cause: str
    evidence: tuple[Evidence, ...]
    agreed: bool
    vacuous: bool
    why: str
    way: tuple[Hop, ...] = ()

    @property
    def assumed(self) -> tuple[str, ...]:
        """The rules behind the verdict that nobody could verify."""
        rule = BY_ID.get(self.cause if self.predicted is None else self.predicted.cause)
        return (rule.id,) if rule is not None and rule.mark is Mark.ASSUMED else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a run. ``steps`` ends early where a change failed: what follows would mean nothing."""

    scenario: str
    story: str
    mode: Mode
    vrf_backend: str | None
    steps: tuple[StepReport, ...]
    total: int

    @property
    def agreed(self) -> bool:
        """Whether every step was run, and all voices agreed on it, with proof."""
        return len(self.steps) == self.total and all(step.agreed for step in self.steps)


def play(
    scenario: Scenario,
    mode: Mode,
    *,
    on_step: Callable[[StepReport], None] | None = None,
    on_begin: Callable[[int, Step], None] | None = None,
    backend: Callable[[World], AbstractContextManager[Backend]] | None = None,
    world: World | None = None,
) -> Report:
    """Run ``scenario`` and return what the voices said.

    Args:
        on_step: Called after each step.
        on_begin: Called before each step, with its number from 1.
        backend: Makes the backend from the first world; by default that of ``mode``.
        world: The first world; by default that of the scenario's topology.

    Raises:
        ModelError: The scenario says something that cannot be, with the step's place.
        LiveError: The lab broke, or a question could not be asked; no verdict.
        EnvironmentProblem: This machine cannot run a lab.
    """
    for text, hint in misfits({"mode": mode}, {"mode": Mode}):
        raise ModelError(Problem(where="mode", text=text, hint=hint))
    world, foreseen = rehearsable(scenario, world)
    reports: list[StepReport] = []
    with (backend or _backend(mode))(world) as running:
        _must_be(mode, running)
        for number, ((place, verdict), step) in enumerate(zip(foreseen, scenario.steps, strict=True), 1):
            if on_begin is not None:
                on_begin(number, step)
            report = judge(step, verdict, _found(step, running, place), mode)
            reports.append(report)
            if on_step is not None:
                on_step(report)
            if not report.agreed and changes(step.deed):
                break
        told = running.vrf_backend
    return Report(
        scenario=scenario.name,
        story=scenario.story,
        mode=mode,
        vrf_backend=told,
        steps=tuple(reports),
        total=len(scenario.steps),
    )


def rehearsable(scenario: Scenario, world: World | None = None) -> tuple[World, list[tuple[str, Verdict]]]:
    """Return the first world of ``scenario`` and, for each step, its place and the oracle's verdict.

    Raises:
        ModelError: The scenario says something that cannot be, with the step's place.
    """
    check(scenario)
    world = catalogue.world_of(scenario) if world is None else world
    return world, _foreseen(world, scenario)


def _foreseen(world: World, scenario: Scenario) -> list[tuple[str, Verdict]]:
    """Return each step's place and the oracle's verdict on it; nothing has been played when one of them cannot be."""
    found = []
    for number, step in enumerate(scenario.steps, 1):
        place = f"{scenario.name or 'scenario'}/step {number}"
        try:
            verdict, world = foresee(world, step.deed)
        except RouteRefused as refused:
            if step.expectation.outcome is not Outcome.CONFLICT:
                raise _at(place, refused) from None
            verdict = _refused(refused)
        except ModelError as error:
            raise _at(place, error) from None
        found.append((place, verdict))
    return found


def _refused(refused: RouteRefused) -> Verdict:
    """Return the verdict on a route that the author states to be refused: nothing changes."""
    hops = tuple(Hop(place=problem.where, fact=problem.text) for problem in refused.problems)
    return Verdict(outcome=Outcome.CONFLICT, cause="host.route-refused", hops=hops)


def _must_be(mode: Mode, running: Backend) -> None:
    """Raise ModelError if ``running`` measures otherwise than ``mode`` says: nobody may take memory for a network."""
    if (found := getattr(running, "mode", None)) != mode.value:
        said = f"is one of mode {found}" if found else "does not say how it runs"
        text = f"{type(running).__name__} {said}, and mode {mode.value} was asked for"
        hint = f"play(scenario, Mode.{found.upper()}, ...)" if found else f'give it mode = "{mode.value}"'
        raise ModelError(Problem(where="backend", text=text, hint=hint))


def _found(step: Step, running: Backend, place: str) -> Measurement | None:
    """Have one step carried out; what ``running`` saw of it."""
    try:
        return running.ask(step.deed) if isinstance(step.deed, Call) else running.act(step.deed)
    except LiveError as error:
        raise type(error)(f"{place} ({step.text}): {error}") from error


def foresee(world: World, deed: Call | Action) -> tuple[Verdict, World]:
    """Return the oracle's verdict on a deed and the world after it: a call has an effect only if it gets through."""
    if isinstance(deed, Call):
        verdict = predict(world, deed)
        _something_to_unwrap(world, deed, verdict)
        return verdict, effect(world, deed) if verdict.outcome is Outcome.REACHED else world
    hop = Hop(place="operator", fact=type(deed).__name__)
    return Verdict(outcome=Outcome.DONE, cause="operator.done", hops=(hop,)), apply(world, deed)


def _something_to_unwrap(world: World, call: Call, verdict: Verdict) -> None:
    """Raise the author's mistake of an unwrap that would be served, and has nothing to be given."""
    if call.operation is not Operation.UNWRAP or verdict.outcome is not Outcome.REACHED:
        return
    if call.key not in world.instances[call.instance].wrapping_keys:
        text = f"nothing was wrapped by {call.key} yet"
        raise ModelError(Problem(where="call/key", text=text, hint="wrap before you unwrap"))


def judge(step: Step, verdict: Verdict | None, found: Measurement | None, mode: Mode) -> StepReport:
    """Return what the voices say of a step, compared; without a verdict, author and measurement alone."""
    stated = step.expectation
    if verdict is None:
        why = _measured_against_stated(stated, found, mode)
    else:
        wrong = (_stated_against(stated, verdict), _measured_against(verdict, found, mode))
        why = "; ".join(text for text in (*wrong, _alone(stated, verdict, found, mode)) if text)
    vacuous = found is not None and bool(found.vacuous)
    return StepReport(
        text=step.text,
        stated=stated,
        predicted=verdict,
        measured=found.outcome if found is not None and mode is Mode.LIVE else None,
        cause=found.cause if found is not None and found.cause else verdict.cause if verdict is not None else "",
        evidence=found.evidence if found is not None else (),
        agreed=not why,
        vacuous=vacuous,
        why=why,
        way=found.way if found is not None else (),
    )


def _stated_against(stated: Expectation, verdict: Verdict) -> str:
    if not stated.met_by(verdict.outcome):
        return f"stated {stated.outcome.value}, predicted {verdict.outcome.value} ({verdict.cause})"
    if stated.cause is not None and stated.cause != verdict.cause:
        return f"stated {stated.outcome.value} because {stated.cause}, predicted because {verdict.cause}"
    return ""


def _measured_against(verdict: Verdict, found: Measurement | None, mode: Mode) -> str:
    if found is None:
        return "nothing was measured" if mode is Mode.LIVE else ""
    voice = "measured" if mode is Mode.LIVE else "in memory"
    if found.outcome is not verdict.outcome:
        because = f" ({found.cause})" if found.cause else ""
        besides = f"; {found.vacuous}" if found.vacuous else ""
        return f"predicted {verdict.outcome.value} ({verdict.cause}), {voice} {found.outcome.value}{because}{besides}"
    if found.vacuous:
        return f"vacuous: {found.vacuous}"
    if _causeless(found, mode):
        return ""
    if found.cause != verdict.cause:
        known = found.cause or "nobody knows what"
        return f"predicted {verdict.outcome.value} because {verdict.cause}, {voice} because {known}"
    return ""


def _measured_against_stated(stated: Expectation, found: Measurement | None, mode: Mode) -> str:
    if found is None:
        return "nothing was measured, and the model was not asked"
    if not stated.met_by(found.outcome):
        because, besides = f" ({found.cause})" if found.cause else "", f"; {found.vacuous}" if found.vacuous else ""
        return f"stated {stated.outcome.value}, measured {found.outcome.value}{because}{besides}"
    if found.vacuous:
        return f"vacuous: {found.vacuous}"
    if not _causeless(found, mode) and (not found.cause or stated.cause not in {None, found.cause}):
        return (
            f"stated {stated.outcome.value} because {stated.cause or 'of anything'}, "
            f"measured because {found.cause or 'nobody knows what'}"
        )
    return ""


def _causeless(found: Measurement, mode: Mode) -> bool:
    """Say whether ``found`` is of a kind that comes without a cause: changes do, and what is reached in memory."""
    return found.outcome is Outcome.DONE or (found.outcome is Outcome.REACHED and mode is not Mode.LIVE)


def _alone(stated: Expectation, verdict: Verdict, found: Measurement | None, mode: Mode) -> str:
    """Return which of three voices stands alone against two; empty if none does, or one was silent."""
    if found is None or found.vacuous:
        return ""
    causeless = _causeless(found, mode)
    author_and_model = not _stated_against(stated, verdict)
    model_and_lab = found.outcome is verdict.outcome and (causeless or found.cause == verdict.cause)
    author_and_lab = stated.met_by(found.outcome) and (causeless or stated.cause in {None, found.cause})
    match author_and_model, model_and_lab, author_and_lab:
        case False, True, _:
            return "the author stands alone"
        case False, False, True:
            return "the model stands alone"
        case False, False, False:
            return "no two voices agree"
        case True, False, False:
            return "the measurement stands alone" if mode is Mode.LIVE else "the services' code stands alone"
        case _:  # an author who names no cause takes no side in a quarrel about it
            return ""


def changes(deed: Deed) -> bool:
    """Say whether ``deed`` may change something if it gets through: the world, or what later calls have in hand."""
    return not isinstance(deed, Call) or deed.operation not in _LOOKS


def _at(place: str, error: ModelError) -> ModelError:
    return ModelError(*(replace(problem, where=f"{place}: {problem.where}") for problem in error.problems))


def _backend(mode: Mode) -> Callable[[World], AbstractContextManager[Backend]]:
    match mode:
        case Mode.MODEL:
            from lab.play.silent import Silent

            return Silent
        case Mode.MEMORY:
            from lab.play.memory import Memory

            return Memory
        case Mode.LIVE:
            from lab.live.client import LiveLab

            return LiveLab
