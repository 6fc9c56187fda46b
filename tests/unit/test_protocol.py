"""What went wrong in a lab is raised at the client as what it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import wire
from lab.errors import EnvironmentProblem, LiveError, ModelError, PelabError, Problem
from lab.live import exec, network  # noqa: A004, F401 - so that every error of a lab is known
from lab.live.channel import LabEnded
from lab.live.protocol import Failed, error_in, failed


def errors_of_a_lab(family: type[LiveError] = LiveError) -> Iterator[type[LiveError]]:
    """Yield every error that a lab can send; the end of the conversation is the client's own to tell."""
    yield family
    for below in family.__subclasses__():
        if below is not LabEnded:
            yield from errors_of_a_lab(below)


@pytest.mark.parametrize(
    "error",
    [
        *(form("it broke") for form in errors_of_a_lab()),
        EnvironmentProblem("no user namespaces", fix="sysctl"),
        ModelError(Problem(where="accounts/acme", text="no such thing", hint="did you mean 'acne'?")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_travels_as_itself(error: PelabError) -> None:
    """Type and text, so that who must act is known on the other side too."""
    sent: Failed = wire.decode(wire.encode(failed(error)), Failed)
    raised = error_in(sent)
    assert (type(raised), str(raised)) == (type(error), str(error))
