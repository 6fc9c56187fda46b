"""Words of a test: what stands for a member of an enumeration, and how a wrong one is told at the test's own line."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import ParamSpec, TypeVar

from lab.errors import Divergence, ModelError, Problem, nearest

E = TypeVar("E", bound=Enum)
P = ParamSpec("P")
T = TypeVar("T")


def member(kind: type[E], said: E | str, where: str) -> E:
    """Return the member that ``said`` is or names; ModelError at ``where`` with the nearest name if there is none."""
    if isinstance(said, kind):
        return said
    known = {str(each.value): each for each in kind}
    if isinstance(said, str) and said in known:
        return known[said]
    text = f"no {kind.__name__.lower()} {said!r}"
    raise ModelError(Problem(where=where, text=text, hint=nearest(str(said), known)))


def at_the_tests_line(method: Callable[P, T]) -> Callable[P, T]:
    """Decorate what tests call: a verdict, or a mistake of the test's, is shown at the test's line and not in here."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except (Divergence, ModelError) as error:
            raise error.with_traceback(None)  # noqa: B904 - the same error, without the way through here

    return call
