"""pyroute2's own words in a namespace, as users write them, with the kernel's refusal as a value."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pyroute2 import IPRoute, NetlinkError
from pyroute2.netlink import nlmsg_base
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from pyroute2.requests import address, neighbour, route, rule

from lab.errors import ModelError, Problem, nearest
from lab.kernel.netlink import iproute

_COMMANDS: Final = (
    "add", "append", "brd", "change", "del", "delete", "dump", "flush", "get", "prepend", "property_add",
    "property_del", "replace", "set", "show", "update",
)  # fmt: skip
_SPOKEN: Final[Mapping[str, tuple[type[Any], Sequence[Any]]]] = {
    "route": (rtmsg, (route.RouteFieldFilter, route.RouteIPRouteFilter)),
    "addr": (ifaddrmsg, (address.AddressFieldFilter, address.AddressIPRouteFilter)),
    "rule": (fibmsg, (rule.RuleFieldFilter, rule.RuleIPRouteFilter)),
    "neigh": (ndmsg, (neighbour.NeighbourFieldFilter, neighbour.NeighbourIPRouteFilter)),
}
"""Words whose keywords are known: pyroute2 passes over one that it does not know, and does something else."""
_BESIDES: Final = ("match", "mask", "family", "timeout", "strict_check", "label", "index", "broadcast", "anycast")
_NEAR: Final = 0.75
_ANSWERED: Final = "NLMSG_ERROR"  # and no error: that would have been raised


def say(namespace: int, words: Callable[[IPRoute], object]) -> str | None:
    """Have ``words`` said to the kernel of the namespace behind a descriptor; return its refusal, None if it obeyed."""
    with iproute(namespace) as kernel:
        try:
            words(kernel)
        except NetlinkError as refused:
            return str(refused)
    return None


def tell(namespace: int, where: str, word: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Say ``word(*arguments, **named)`` of pyroute2's ``IPRoute`` to a namespace's kernel; return its answer as data.

    Each message of an answer is a mapping by the names under which pyroute2 gives it out (``ifname``, ``index``).

    Raises:
        ModelError: The words make no message, a keyword is a slip, or the kernel refuses; with its own words.
    """
    text = f"{word}({', '.join([*map(repr, arguments), *(f'{key}={value!r}' for key, value in named.items())])})"
    for key in named:
        if hint := _slip(word, key):
            raise ModelError(Problem(where=where, text=f"{text}: unknown keyword {key!r}", hint=hint))
    with iproute(namespace) as kernel:
        try:
            answer = getattr(kernel, word)(*arguments, **named)
            return plain(list(answer) if isinstance(answer, list | tuple) or hasattr(answer, "__next__") else answer)
        except NetlinkError as refused:
            raise ModelError(Problem(where=where, text=f"{text}: the kernel refuses: {refused}")) from None
        except Exception as error:  # whatever pyroute2 raises on the author's words is the author's to mend
            near = nearest(str(arguments[0]), _COMMANDS) if arguments and arguments[0] not in _COMMANDS else ""
            said = f"{type(error).__name__}: {error}"
            raise ModelError(Problem(where=where, text=f"{text}: {said}", hint=near)) from error


def _slip(word: str, key: str) -> str:
    """Return what was probably meant by a keyword that pyroute2 would pass over; empty if it may be one of its own."""
    if word not in _SPOKEN:
        return ""
    message, readers = _SPOKEN[word]
    names = (part for nla in message.nla_map for part in nla[:2] if isinstance(part, str))  # some begin with a number
    known = {_short(message, name) for name in names} | {field[0] for field in message.fields}
    known |= {name[4:] for reader in readers for name in dir(reader) if name.startswith(("set_", "get_"))}
    known |= set(_BESIDES)
    close = difflib.get_close_matches(key, known, n=1, cutoff=_NEAR)
    return "" if key in known or not close else f"did you mean {close[0]!r}?"


def plain(value: Any) -> Any:
    """Return an answer of pyroute2 as texts, numbers, lists and mappings; an acknowledgement is no part of it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.hex()
        case nlmsg_base():
            attributes = ((_short(type(value), name), given) for name, given in _attributes(value))
            fields = ((key, given) for key, given in value.items() if key not in {"attrs", "header", "event"})
            return {key: plain(given) for key, given in (*fields, *attributes)}
        case dict():
            return {str(key): plain(given) for key, given in value.items()}
        case list() | tuple() | set():
            return [plain(each) for each in value if not (isinstance(each, dict) and each.get("event") == _ANSWERED)]
        case _:
            return str(value)


def _attributes(message: Any) -> Iterator[tuple[str, Any]]:
    return ((str(name), given) for name, given, *_ in message.get("attrs") or () if name is not None)


def _short(form: Any, name: str) -> str:
    """Return the name under which pyroute2 gives an attribute out; some nested messages have no prefix."""
    return str(form.nla2name(name)) if form.prefix else name.lower()
