"""Every fault that can be asked of the services is one that they can commit, and may be asked for twice."""

from __future__ import annotations

import pytest

from lab.serve import messages
from lab.serve.cloud import Cloud
from lab.serve.doors import Doors
from lab.serve.faults import Faults
from lab.services.kms import api, rules

TARGETS = {"ignore-policy": "kms", "lying-log": "subject"}


@pytest.mark.parametrize("name", [name for name in messages.FAULTS if name != "close-listener"])
def test_a_fault_that_is_named_is_committed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them ends the services by being asked for."""
    monkeypatch.setattr(api, "answer", api.answer)
    monkeypatch.setattr(rules, "policy_refuses", rules.policy_refuses)
    cloud = Cloud(lambda _line: None)
    faults = Faults(cloud, Doors(cloud), lambda _line: None)
    for _ in range(2):
        faults.add(name, TARGETS.get(name, ""))


def test_a_door_that_is_not_open_cannot_be_closed() -> None:
    """And a fault that there is not is named with those that there are."""
    cloud = Cloud(lambda _line: None)
    faults = Faults(cloud, Doors(cloud), lambda _line: None)
    with pytest.raises(LookupError, match="no door named"):
        faults.add("close-listener", "kms/public/keys")
    with pytest.raises(ValueError, match="there are: close-listener, console-inside"):
        faults.add("made-up", "")
