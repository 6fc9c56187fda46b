"""``LabFixture``: a lab as a test has it. Every assertion is a step: stated by the test, predicted, measured, proved.

What the model cannot know, it is not asked about. Before each call the kernel of its host is compared with the world:
where they differ (a program or a word of pyroute2 changed it), there is no prediction, and the report says what is
different. A policy that a program may have set is read anew, as its owner reads it. What was measured needs its proof.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Final, NoReturn

from lab.describe.checking import check_deed, check_stated
from lab.describe.scenario import Deed, Step
from lab.errors import Divergence, LiveError, ModelError, Problem, Vacuous, nearest
from lab.live.client import LiveLab
from lab.model.action import Action, SetPolicy, apply, effect
from lab.model.call import PLAINEST, Call
from lab.model.endpoint import PUBLIC_SURFACES
from lab.model.outcome import Denial, Evidence, Expectation, Measurement, Outcome, Traffic
from lab.model.plane import Plane, Policy, Surface
from lab.model.routes import HostRoute, RouteRefused
from lab.model.world import World
from lab.play.runner import Backend, Mode, StepReport, changes, foresee, judge
from lab.testing import endpoints
from lab.testing.host import HostFixture
from lab.testing.netlink import NetlinkFixture
from lab.testing.telling import told
from lab.testing.words import at_the_tests_line, member

_SHOWN: Final = 80


@dataclass(slots=True, kw_only=True)
class Setting:
    """What a ``LabFixture`` stands on.

    Attributes:
        world: The world as it is when the test begins.
        running: The backend, entered.
        folder: Where programs start.
        since: When the test began, in seconds since the epoch.
        on_step: Called with each report, agreed or not.
        unmeasurable: Called with what a test wants and only a network can do; ends the test.
    """

    world: World
    mode: Mode
    running: Backend
    name: str
    folder: str
    since: float
    on_step: Callable[[StepReport], None]
    unmeasurable: Callable[[str], NoReturn]

    def network(self, wanted: str) -> LiveLab:
        """Return the live network, to look at; without one, ``wanted`` (what for) ends the test as not measured."""
        if not isinstance(self.running, LiveLab):
            self.unmeasurable(wanted)
        return self.running

    def beyond(self, host: str) -> list[str]:
        """Return how a host's kernel differs from the world, a line each; without a network there is none."""
        return self.running.beyond(host) if isinstance(self.running, LiveLab) else []


class LabFixture:
    """A lab in a test. ``reports``: what became of each assertion; ``changed``: whether anything may be another now."""

    def __init__(self, setting: Setting) -> None:
        """Begin with nothing asserted."""
        self._setting, self._world = setting, setting.world
        self._lost = ""
        self._programs_ran = False
        self._ended: dict[str, list[tuple[str, Callable[[], str]]]] = {}
        self.reports: list[StepReport] = []
        self.changed = False

    @property
    def world(self) -> World:
        """The world as the model has it after what was done so far."""
        return self._world

    @property
    def mode(self) -> Mode:
        """``Mode.LIVE`` with a network, else ``Mode.MEMORY``."""
        return self._setting.mode

    @property
    def running(self) -> Backend:
        """The backend: a live network, or memory. What is done to it here is a program's, so the lab is not reused."""
        self._note_program()
        return self._setting.running

    def network(self, wanted: str) -> LiveLab:
        """Return the live network; what is done to it is a program's, as with ``running``.

        Without one, ``wanted`` (what for) ends the test as not measured.
        """
        live = self._setting.network(wanted)
        self._note_program()
        return live

    @at_the_tests_line
    def host(self, name: str) -> HostFixture:
        """Return a host; ModelError with the nearest name if the world has none of that name."""
        return HostFixture(lab=self, described=self._world.host(name), folder=self._setting.folder)

    @at_the_tests_line
    def netlink(self, host: str) -> NetlinkFixture:
        """Return a host's kernel, to be told pyroute2's words: ``.route("add", dst=..., gateway=...)``."""
        self._world.host(host)
        return NetlinkFixture(self, host, self._setting)

    @at_the_tests_line
    def endpoint(self, service: str, plane: Plane | str, *, surface: Surface | str = Surface.KMS) -> str:
        """Return the URL of an instance's ``surface`` on a plane, as a client is given it, or of what instances share.

        Shared are ``iam``, ``console`` and, by the instances of a region, ``broker``, ``tke`` and ``key-protect``;
        where there are several regions, an instance says which: name it, and these as its ``surface``.
        """
        side, api = member(Plane, plane, "endpoint/plane"), member(Surface, surface, "endpoint/surface")
        return endpoints.url(self._world, service, side, api)

    @at_the_tests_line
    def act(self, action: Action) -> None:
        """Have the account's owner, or somebody in a host, change something; ``Divergence`` if it does not show."""
        self.expect(action, Outcome.DONE)

    @at_the_tests_line
    def set_policy(self, instance: str, policy: Policy | str, *, by: str, plane: Plane | str | None = None) -> None:
        """Have host ``by`` set an instance's network access policy, at the endpoint of its own side by default."""
        wanted = member(Policy, policy, "set_policy/policy")
        self.expect(SetPolicy(wanted, by=self._call(by, instance, Surface.KMS, plane)), Outcome.REACHED)

    @at_the_tests_line
    def assert_allowed(
        self, src: str, instance: str, *, surface: Surface | str = Surface.KMS, plane: Plane | str | None = None
    ) -> None:
        """Assert that host ``src`` is served; the plane is by default that of its own side."""
        self.expect(self._call(src, instance, surface, plane), Outcome.REACHED)

    @at_the_tests_line
    def assert_denied(
        self,
        src: str,
        instance: str,
        *,
        surface: Surface | str = Surface.KMS,
        plane: Plane | str | None = None,
        cause: str | None = None,
    ) -> None:
        """Assert that host ``src`` is not served, whatever it sees; with ``cause``, under that rule (its id)."""
        self.expect(self._call(src, instance, surface, plane), Expectation(outcome=Denial.DENIED, cause=cause))

    @at_the_tests_line
    def assert_no_public_packets(self, host: str) -> None:
        """Assert that nothing public left ``host`` since the test began, by a capture that is shown to have seen.

        A public packet leaves a public NIC, or is addressed outside the cloud's private networks, or asks for a name
        that is not a private service's. What the lab sends to prove a verdict does not count; the test's calls do.
        While a program runs in the host it is vacuous. How those of the test ended is in the evidence.
        """
        self._world.host(host)
        self._be_sound()
        live = self._setting.network(f"assert_no_public_packets({host!r})")
        found = live.left(host, self._setting.since)
        measured = Traffic.PUBLIC if found.packets else Traffic.PRIVATE
        wrong = f"stated {Traffic.PRIVATE.value}, measured {found.count} that left" if found.count else ""
        report = StepReport(
            text=f"{host} sends no public packets",
            stated=Expectation(outcome=Traffic.PRIVATE),
            predicted=None,
            measured=measured,
            cause="",
            evidence=(*found.packets, *found.shown, *self._programs_of(host)),
            agreed=not (wrong or found.blind),
            vacuous=bool(found.blind) and not found.count,
            why=wrong or (f"vacuous: {found.blind}" if found.blind else ""),
        )
        self._tell(report)

    @at_the_tests_line
    def expect(self, deed: Deed, stated: Outcome | Expectation, text: str = "") -> None:
        """Do any deed and judge it as a scenario's step; the assertions above are short for this.

        Raises:
            Divergence: The voices differ, or what was seen proves nothing.
            ModelError: It says something that cannot be.
            LiveError: The lab broke, or the question could not be asked; no verdict.
        """
        self._be_sound()
        check_deed(deed, asked=isinstance(deed, Call))
        check_stated(stated)
        unknown = self._read_anew(deed)
        verdict, after = (None, self._world) if unknown else foresee(self._world, deed)
        self.changed = self.changed or changes(deed)
        found = self._found(deed)
        report = judge(Step(text or _text(deed), deed, stated), verdict, found, self.mode)
        if verdict is not None:
            self._world = after
        elif found is not None and found.outcome in {Outcome.REACHED, Outcome.DONE}:
            with suppress(RouteRefused):  # the kernel obeyed: a program had changed what the model knows
                self._world = effect(self._world, deed) if isinstance(deed, Call) else apply(self._world, deed)
        if changes(deed) and not report.agreed:
            self._lost = report.text
        self._tell(replace(report, evidence=(*unknown, *report.evidence)))

    def _note_program(self) -> None:
        """Take into account that a program of the test's may run in a host: it may change a policy, and its kernel."""
        self.changed = self._programs_ran = True

    def note_end(self, host: str, said: str, how: Callable[[], str]) -> None:
        """Take into account how a program in ``host`` ended: ``how`` is asked when it is told."""
        self._ended.setdefault(host, []).append((said, how))

    def _programs_of(self, host: str) -> tuple[Evidence, ...]:
        """Return how the test's programs in ``host`` ended, each different one once."""
        told = dict.fromkeys(f"{how()}: {shorten(said, _SHOWN)}" for said, how in self._ended.get(host, ()))
        return (Evidence(kind="programs", where=host, detail="; ".join(told)),) if told else ()

    def _call(self, by: str, instance: str, surface: Surface | str, plane: Plane | str | None) -> Call:
        host, api = self._world.host(by, where="call/by"), member(Surface, surface, "call/surface")
        own = Plane.PUBLIC if api in PUBLIC_SURFACES else host.own_plane
        side = own if plane is None else member(Plane, plane, "call/plane")
        self._world.instance(instance, where="call/instance")
        if api is Surface.IAM:
            return Call.token(by, instance, side)
        if api not in PLAINEST:
            known = [each.value for each in PLAINEST]
            text = f"no instance is asked on the surface {api.value!r}"
            raise ModelError(Problem(where="call/surface", text=text, hint=nearest(api.value, known)))
        return Call(by=by, instance=instance, plane=side, surface=api, operation=PLAINEST[api])

    def _found(self, deed: Deed) -> Measurement | None:
        running = self._setting.running
        try:
            return running.ask(deed) if isinstance(deed, Call) else running.act(deed)
        except LiveError:
            self.changed = True  # nobody can tell what is up now
            raise

    def _read_anew(self, deed: Deed) -> tuple[Evidence, ...]:
        """Bring the model up to what programs did; return what it cannot know of the caller's host, as evidence."""
        running = self._setting.running
        if not isinstance(running, LiveLab) or not isinstance(deed, Call | HostRoute):
            return ()
        if self._programs_ran and isinstance(deed, Call):
            self._read_policy(running, deed.instance)
        host = deed.by if isinstance(deed, Call) else deed.host
        lines = self._setting.beyond(host)
        return (Evidence(kind="beyond-the-model", where=host, detail="; ".join(lines)),) if lines else ()

    def _read_policy(self, running: LiveLab, name: str) -> None:
        """Take over the policy that the instance's owner reads; keep what is known of one that does not answer."""
        read = running.policy(name)
        if not read.why:
            self._world = self._world.with_instance(replace(self._world.instance(name), policy=read.policy))

    def _be_sound(self) -> None:
        """Raise Divergence if a change failed before: what follows would mean nothing."""
        if self._lost:
            raise Divergence(f"not judged: after a failed change it would mean nothing ({self._lost})")

    def _tell(self, report: StepReport) -> None:
        self.reports.append(report)
        self._setting.on_step(report)
        if not report.agreed:
            self.changed = True  # nobody can tell what is up now
            raise (Vacuous if report.vacuous else Divergence)(told(self._setting.name, self.mode, self.reports))


def _text(deed: Deed) -> str:
    """Return a step's text, where the test gives none."""
    match deed:
        case Call():
            return str(deed)
        case HostRoute():
            return f"{deed.host}: route {' '.join((deed.command, *(f'{k} {v}' for k, v in deed.arguments.items())))}"
        case _:
            return str(deed)
