"""Whether values are of the kinds that annotations promise: authors' slips are told before they mean something else."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from lab.errors import nearest

P = ParamSpec("P")
T = TypeVar("T")


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types of which ``hint`` allows one."""
    return typing.get_args(hint) if typing.get_origin(hint) in {typing.Union, types.UnionType} else (hint,)


def misfits(values: Mapping[str, object], hints: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, hint) for each value of no type of its hint; what is in containers is not looked at."""
    for name, value in values.items():
        kinds = [typing.get_origin(kind) or kind for kind in alternatives(hints.get(name, object))]
        if any(kind is Any or isinstance(value, kind) for kind in kinds):
            continue
        wanted = [kind for kind in kinds if kind is not type(None)]
        named = " or ".join(kind.__name__ for kind in wanted)
        yield f"{name}={shown(value)} is no {named}", _near(value, wanted)


def of_fields(value: Any) -> Iterator[tuple[str, str]]:
    """Yield ``misfits`` of a dataclass' own fields."""
    yield from misfits({f.name: getattr(value, f.name) for f in fields(value)}, typing.get_type_hints(type(value)))


def checked(method: Callable[P, T]) -> Callable[P, T]:
    """Decorate a method: an argument that does not fit its annotation is a TypeError that names it."""
    asked = signature(method)
    hints: dict[str, Any] = {}

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if not hints:  # annotations are texts, which can be read when the module is whole
            hints.update(typing.get_type_hints(method))
        try:
            given = asked.bind(*args, **kwargs).arguments
        except TypeError:
            return method(*args, **kwargs)  # it says what is wrong, and names itself
        for text, hint in misfits(given, hints):
            raise TypeError(f"{method.__name__}: {text}" + (f" ({hint})" if hint else ""))
        return method(*args, **kwargs)

    return call


def shown(value: object) -> str:
    """Return ``value`` as its author wrote it, or nearly, in one short line."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) or callable(value):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"


def _near(value: object, wanted: list[Any]) -> str:
    """Return the member of an enumeration that was probably meant."""
    for kind in wanted:
        if isinstance(kind, type) and issubclass(kind, Enum):
            told = value.name if isinstance(value, Enum) else str(value)
            known = {**{m.name: m for m in kind}, **{str(m.value): m for m in kind}}
            said = known.get(told)
            return f"{kind.__name__}.{said.name}" if said is not None else nearest_member(told, kind)
    return ""


def nearest_member(told: str, kind: type[Enum]) -> str:
    """Return a hint that names the member of ``kind`` closest to ``told``."""
    return nearest(told.upper().replace("-", "_"), (f"{member.name}" for member in kind))
