"""Whatever lasts is looked for where it was refused: a new operation must say which it is."""

from __future__ import annotations

import inspect

from lab.measure import undone
from lab.model.call import OPERATIONS, Call, Operation
from lab.model.plane import Surface
from lab.play.runner import changes

IN_THE_CLIENTS_HANDS = {Operation.WRAP, Operation.UNWRAP, Operation.TOKEN}
"""What these give is the client's: nothing of it stays in an instance."""


def test_every_operation_that_lasts_is_looked_for() -> None:
    """All but those that look, and those whose effect is in the answer alone."""
    asked = {(surface, operation) for surface, known in OPERATIONS.items() for operation in known}
    lasting = {
        operation
        for surface, operation in asked
        if surface is not Surface.EP11 and changes(Call.private("a", "b").to(operation))
    }
    looked_for = {name for name in Operation if f"Operation.{name.name}" in inspect.getsource(undone)}
    assert lasting - IN_THE_CLIENTS_HANDS <= looked_for
