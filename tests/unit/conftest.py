"""What tests of measuring share: the same case for each API of an instance."""

from __future__ import annotations

import pytest

from lab.model.plane import Surface
from tests.unit.scripted import EP11_LAPTOP, EP11_VSI, LAPTOP, VSI

CALLS = {Surface.KMS: (VSI, LAPTOP), Surface.EP11: (EP11_VSI, EP11_LAPTOP)}


@pytest.fixture(params=CALLS, ids=lambda surface: surface.value)
def surface(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Surface:
    """Have a module's labs made with calls to this surface: its ``VSI`` and ``LAPTOP`` are other calls."""
    asked: Surface = request.param
    for name, call in zip(("VSI", "LAPTOP"), CALLS[asked], strict=True):
        if hasattr(request.module, name):
            monkeypatch.setattr(request.module, name, call)
    return asked
