"""Topologies: parameterised descriptions of a world.

A topology is a class with typed fields (its parameters, each with a default) and a ``build`` that
tells a ``Builder`` what stands in the world. Making one performs nothing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, TypeVar, overload

from lab.describe.builder import Builder
from lab.errors import ModelError, Problem, nearest
from lab.model.world import World

T = TypeVar("T")
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Topology:
    """Base of all topologies. Subclass it, annotate parameters, decorate with ``@topology``."""

    name: ClassVar[str] = ""

    def build(self, b: Builder) -> None:
        """Say what stands in the world."""
        raise NotImplementedError(f"{type(self).__name__} says nothing: give it a build(self, b)")

    def world(self) -> World:
        """Return the world that this topology describes; ModelError with everything that is wrong."""
        builder = Builder()
        self.build(builder)
        return builder.world()

    @classmethod
    def parameters(cls) -> dict[str, Field[Any]]:
        """Return the parameters by name, as dataclass fields (type and default)."""
        return {f.name: f for f in fields(cls)}  # type: ignore[arg-type]  # every subclass is a dataclass by @topology

    @classmethod
    def of(cls, **values: object) -> Topology:
        """Return the topology with ``values``, text from a command line included.

        Raises:
            ModelError: Unknown parameters, or text that does not fit the parameter's type; all at once.
        """
        # by the globals of its own code: `mn` executes a topology's file without making a module of it
        hints = typing.get_type_hints(cls, localns=cls.build.__globals__)
        known, problems, read = cls.parameters(), [], {}
        for name, value in values.items():
            where = f"{cls.name or cls.__name__}/{name}"
            if name not in known:
                problems.append(Problem(where=where, text="no such parameter", hint=nearest(name, known)))
                continue
            try:
                read[name] = _read(hints[name], value)
            except ValueError as error:
                problems.append(Problem(where=where, text=f"{value!r}: {error}"))
        if problems:
            raise ModelError(*problems)
        return cls(**read)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyRef:
    """A topology by name, with parameters; the catalogue finds it when it is needed."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@overload
def topology(what: str, **parameters: object) -> TopologyRef: ...
@overload
@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
def topology(what: type[T]) -> type[T]: ...
def topology(what: str | type[T], **parameters: object) -> TopologyRef | type[T]:
    """Decorate a topology class, or name one: ``topology("single_account", vsis=2)``.

    The decorator makes the class a frozen dataclass with keyword-only fields, so that an unknown or
    misspelt parameter is an error and never silently dropped.
    """
    if isinstance(what, str):
        return TopologyRef(name=what, parameters=parameters)
    return dataclass(frozen=True, kw_only=True)(what)


def _read(hint: Any, value: object) -> object:
    """Return ``value`` as the type ``hint``; ValueError says what would fit."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(None) in options and (value is None or str(value).lower() == "none"):
        return None
    (kind,) = [option for option in options if option is not type(None)]
    if kind is bool:
        return _boolean(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"one of {', '.join(str(member.value) for member in kind)}") from None
    if kind is int:
        try:
            return int(str(value))
        except ValueError:
            raise ValueError("a whole number") from None
    return str(value)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError(f"one of {', '.join((*TRUE, *FALSE))}")
