"""A rehearsal that cannot begin on a lab that is up gives the lab back at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab import ModelError, World, catalogue
from lab.live.attached import Attached
from lab.live.guest import Guest
from lab.live.protocol import Done
from lab.live.world import Compared, Reserve


def test_a_lab_in_another_state_is_not_kept_reserved() -> None:
    """Whoever goes on with the conversation, or another, must not be told that somebody rehearses."""
    told: list[Any] = []

    def ask(request: Any, _form: object) -> Done:
        told.append(request)
        return Done()

    lab = SimpleNamespace(
        inspect=lambda: SimpleNamespace(vrf_backend="policy-tables"),
        compare=lambda: Compared(first=World(), lines=[], beyond=[]),
        channel=SimpleNamespace(ask=ask),
        entry=SimpleNamespace(name="mine"),
    )
    world = catalogue.load_topology("single_account").world()
    with pytest.raises(ModelError, match="of another topology"):
        Guest(cast("Attached", lab), world, anew="pelab up -d").__enter__()
    assert told == [Reserve(), Reserve(ended=True)]
