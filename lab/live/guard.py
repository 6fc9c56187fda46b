"""The measured voice may not hear the predicted one: no process of a lab can import ``lab.oracle``.

It guards nothing else, and does not restrict the programs that run in hosts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

_FORBIDDEN: Final = "lab.oracle"


class OracleImported(AssertionError):
    """The lab has, or asked for, the oracle. Not an ``ImportError``: nobody may take it for a missing extra."""


class _Guard:
    """The first entry of ``sys.meta_path``."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Refuse the oracle and leave everything else to the next finder."""
        if _is_oracle(name):
            raise OracleImported(f"{name} was imported in a lab: what is measured must not know what was predicted")
        return None


def _is_oracle(name: str) -> bool:
    """Tell whether ``name`` is the oracle or a part of it."""
    return name == _FORBIDDEN or name.startswith(f"{_FORBIDDEN}.")


def assert_no_oracle() -> None:
    """Raise ``OracleImported`` when the oracle is already here."""
    if found := sorted(filter(_is_oracle, sys.modules)):
        raise OracleImported(f"{', '.join(found)} was imported before the lab began")


def install() -> None:
    """Make sure that the oracle is not here and never will be, in this process and its forks."""
    assert_no_oracle()
    sys.meta_path.insert(0, _Guard())
