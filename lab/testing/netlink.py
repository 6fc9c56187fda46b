"""A host's kernel as a test speaks to it: in pyroute2's own words, sent unchanged.

Routes that the model knows (``add``, ``replace``, ``del`` with ``dst``, ``gateway``, ``oif``) are steps: predicted, and
read back. Any other word only the kernel knows; what it changed is found when that host's next call is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Any, Final

from lab.errors import LiveError, ModelError, Problem, nearest
from lab.live.world import KERNEL_WORDS
from lab.model.outcome import Outcome
from lab.model.routes import ROUTE_ARGUMENTS, ROUTE_COMMANDS, HostRoute
from lab.testing.words import at_the_tests_line

if TYPE_CHECKING:
    from lab.testing.fixture import LabFixture, Setting

_READING: Final = (("get",), ("dump",), ("show",))
_SLIP: Final = 0.75
_Address = IPv4Address | IPv4Interface | IPv4Network


class NetlinkFixture:
    """The kernel of one host. Every word of pyroute2's ``IPRoute`` that is about a kernel is a method."""

    def __init__(self, lab: LabFixture, host: str, setting: Setting) -> None:
        """Speak to ``host``; ``setting`` is what ``lab`` stands on, to look at."""
        self._lab, self._host, self._setting = lab, host, setting

    @at_the_tests_line
    def route(self, command: str, **arguments: Any) -> Any:
        """Change or read the host's routes, as ``pyroute2.IPRoute.route`` does; ``oif`` may be an interface's name.

        Raises:
            Divergence: The kernel refuses what the model expects to be done, or the change does not show.
            ModelError: The model or the kernel says that it cannot be.
        """
        for key in arguments:
            if key not in ROUTE_ARGUMENTS and (near := get_close_matches(key, ROUTE_ARGUMENTS, n=1, cutoff=_SLIP)):
                where, text = f"netlink/{self._host}/route", f"unknown keyword {key!r}"
                raise ModelError(Problem(where=where, text=text, hint=f"did you mean {near[0]!r}?"))
        texts = {key: str(value) for key, value in arguments.items() if isinstance(value, str | _Address)}
        known = command in ROUTE_COMMANDS and set(texts) == set(arguments) and set(texts) <= set(ROUTE_ARGUMENTS)
        # where the kernel is not as the model has it, the model does not know what a route does
        if known and not self._setting.beyond(self._host):
            self._lab.expect(HostRoute(host=self._host, command=command, arguments=texts), Outcome.DONE)
            return []
        return self._tell("route", command, **arguments)

    def __getattr__(self, word: str) -> Callable[..., Any]:
        """Return another word of pyroute2's, to be said to the host's kernel; AttributeError if there is none."""
        __tracebackhide__ = True
        if word not in KERNEL_WORDS:
            where = f"netlink/{self._host}"
            problem = Problem(where=where, text=f"pyroute2 has no word {word!r}", hint=nearest(word, KERNEL_WORDS))
            raise AttributeError(str(problem))

        @at_the_tests_line
        def say(*arguments: Any, **named: Any) -> Any:
            return self._tell(word, *arguments, **named)

        return say

    def _tell(self, word: str, *arguments: Any, **named: Any) -> Any:
        said = ", ".join((*map(repr, arguments), *(f"{key}={value!r}" for key, value in named.items())))
        network = self._setting.network if _only_reads(word, arguments) else self._lab.network
        live = network(f"netlink({self._host!r}).{word}({said})")
        told = {key: _worded(value, f"netlink/{self._host}: {word}/{key}") for key, value in named.items()}
        places = [_worded(value, f"netlink/{self._host}: {word}") for value in arguments]
        try:
            return live.tell(self._host, word, *places, **told)
        except LiveError:
            self._lab.changed = True  # nobody can tell what is up now
            raise


def _only_reads(word: str, arguments: Sequence[Any]) -> bool:
    return word.startswith("get_") or word in {"link_lookup", "stats"} or arguments[:1] in _READING


def _worded(value: Any, where: str) -> Any:
    """Return a value as it can travel, addresses as texts; ModelError if it cannot."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case IPv4Address() | IPv4Interface() | IPv4Network():
            return str(value)
        case dict():
            return {str(key): _worded(each, where) for key, each in value.items()}
        case list() | tuple():
            return [_worded(each, where) for each in value]
        case _:
            text = f"{type(value).__name__} cannot be sent to a host's kernel"
            raise ModelError(Problem(where=where, text=text, hint="texts, numbers, lists and dictionaries can"))
