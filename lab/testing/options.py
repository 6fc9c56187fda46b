"""What pytest's command line says to pelab, and by which words: a suite's own options of these names come first.

Each option is ``--pelab-NAME``, and ``--NAME`` too where nobody else has that word. Where a value lies (``pelab_NAME``)
is pelab's alone, so no other's option is ever read for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import pytest

LIVE, PCAP, PAUSE = "live", "pcap", "pause-on-fail"
_FORMS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({
    LIVE: {"action": "store_true", "help": "also bring networks up in the kernel and measure"},
    PCAP: {"metavar": "DIR", "help": "with --live: write what each test's lab captured to DIR, as pcapng"},
    PAUSE: {"action": "store_true", "help": "with --live: at a failure, give Mininet's command line to its lab"},
})  # fmt: skip
_WORDS: Final = pytest.StashKey[dict[str, str]]()
_PARSER: Final = pytest.StashKey[pytest.Parser]()


def value(config: pytest.Config, name: str) -> Any:
    """Return what was said by the option ``name``; None or False if nothing was, whatever others' options say."""
    return config.getoption(_dest(name), default=None)


def word(config: pytest.Config, name: str) -> str:
    """Return the word of the option ``name``: ``--NAME`` if it is pelab's in this run, else ``--pelab-NAME``."""
    return config.stash.get(_WORDS, {}).get(name, _own(name))


def leave_out_folder(config: pytest.Config, parser: pytest.Parser, arguments: Sequence[str]) -> None:
    """Take DIR of ``--pcap DIR`` from the places of tests: pytest takes it for one while it does not know the word."""
    words = {_own(PCAP), *_short(parser, PCAP, arguments)}
    places = config.known_args_namespace.file_or_dir
    for said, folder in pairwise(arguments):
        if said in words and folder in places:
            places.remove(folder)


def register(config: pytest.Config, parser: pytest.Parser, arguments: Sequence[str]) -> None:
    """Register the options; what plugins and first conftest files registered before is theirs."""
    group = parser.getgroup("pelab")
    config.stash[_PARSER] = parser
    config.stash[_WORDS] = words = {}
    for name, form in _FORMS.items():
        short = _short(parser, name, arguments)
        words[name] = [_own(name), *short][-1]
        group.addoption(_own(name), *short, dest=_dest(name), **form)


def withdraw(config: pytest.Config) -> None:
    """Give the short words up, the command line being read: a conftest further down may register them yet."""
    # argparse has no word for it; before pytest 9 nothing complains, and there is no ``optparser``
    heard = getattr(config.stash.get(_PARSER, None), "optparser", None)
    known = getattr(heard, "_option_string_actions", {})
    for name in _FORMS:
        if known.get(f"--{name}") is known.get(_own(name)):
            known.pop(f"--{name}", None)


def _short(parser: pytest.Parser, name: str, arguments: Sequence[str]) -> list[str]:
    """Return ``--NAME``, if nobody has that word yet."""
    said = f"--{name}"
    try:
        unknown = parser.parse_known_and_unknown_args([said, *arguments])[1]
    except pytest.UsageError:  # it is another's, who wants it otherwise
        return []
    return [said] if said in unknown else []


def _own(name: str) -> str:
    return f"--pelab-{name}"


def _dest(name: str) -> str:
    return f"pelab_{name.replace('-', '_')}"
