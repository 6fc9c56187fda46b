"""Topologies: parameterised descriptions of a world.

A topology is a class with typed fields (its parameters, each with a default) and a ``build`` that
tells a ``Builder`` what stands in the world. Making one performs nothing.
"""

from __future__ import annotations

import typing
from collections.abc import Collection
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar, overload

from lab.describe.builder import Builder
from lab.describe.inclusion import Find, Part, TopologyRef
from lab.describe.kinds import alternatives, shown
from lab.describe.slip import slip
from lab.errors import ModelError, Problem, nearest
from lab.model.world import World

T = TypeVar("T")
Count: TypeAlias = Annotated[int, "0 or more"]
"""The type of a parameter that counts things: a whole number, and none below 0."""
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Topology(Part):
    """Base of all topologies. Subclass it, annotate parameters, decorate with ``@topology``."""

    find: ClassVar[Find | None] = None
    """How parts that it includes by name are found; the catalogue says it of what it has loaded."""

    def build(self, b: Builder) -> None:
        """Say what stands in the world."""
        raise NotImplementedError(f"{type(self).__name__} says nothing: give it a build(self, b)")

    def world(self, *, find: Find | None = None) -> World:
        """Return the world that this topology describes; ModelError with everything that is wrong.

        ``find`` finds parts by name where the topology does not know how.
        """
        builder = Builder(find=type(self).find or find)
        builder.include(self)
        return builder.world()

    def tell(self, b: Builder) -> None:
        """Build; whatever ``build`` raises is its author's to mend, and is told with the author's own line."""
        self._be_whole()
        try:
            self.build(b)
        except ModelError:
            raise
        except (Exception, SystemExit) as error:  # whatever the author's code raises is the author's to mend
            raise slip(error, self.build.__code__.co_filename, "build() fails") from error

    @classmethod
    def _be_whole(cls) -> None:
        """Raise ModelError if the class was not decorated, or builds nothing."""
        code = cls.build.__code__
        where = f"{code.co_filename}:{code.co_firstlineno}"
        if "__dataclass_fields__" not in vars(cls):
            text = f"class {cls.__name__} is no topology yet: its parameters are not read"
            raise ModelError(Problem(where=where, text=text, hint="write @topology above it"))
        if cls.build is Topology.build:
            text = f"class {cls.__name__} says nothing"
            raise ModelError(Problem(where=cls.name or cls.__name__, text=text, hint="give it a build(self, b)"))

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
        cls._be_whole()
        # by the globals of its own code: `mn` executes a topology's file without making a module of it
        try:
            hints = typing.get_type_hints(cls, localns=cls.build.__globals__, include_extras=True)
        except NameError as error:
            raise slip(error, cls.build.__code__.co_filename, "a parameter's type") from error
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
        for name, parameter in known.items():
            if name not in values and parameter.default is MISSING and parameter.default_factory is MISSING:
                where = f"{cls.name or cls.__name__}/{name}"
                problems.append(Problem(where=where, text="has no value", hint="give it one, or its field a default"))
        if problems:
            raise ModelError(*problems)
        return cls(**read)


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
    found: object = what
    if isinstance(what, str):
        return TopologyRef(name=what, parameters=parameters)
    if not (isinstance(found, type) and issubclass(found, Topology)):
        raise TypeError(f"{shown(found)} is no topology: class NAME(Topology), or topology(NAME, parameter=...)")
    return dataclass(frozen=True, kw_only=True)(what)


def _read(hint: Any, value: object) -> object:
    """Return ``value`` as the type ``hint``; ValueError says what would fit."""
    options = tuple(_bare(option) for option in alternatives(hint))
    if type(None) in options and (value is None or str(value).lower() == "none"):
        return None
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) > 1:
        return next((value for kind in kinds if isinstance(value, kind)), str(value))
    (kind,) = kinds
    if kind is bool:
        return _boolean(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"one of {', '.join(str(member.value) for member in kind)}") from None
    if kind is int:
        try:
            return _within(hint, int(str(value)))
        except ValueError:
            raise ValueError(f"a whole number{_bound(hint)}") from None
    if kind is float:
        try:
            return float(str(value))
        except ValueError:
            raise ValueError("a number") from None
    if isinstance(value, str) and kind is not str and issubclass(typing.get_origin(kind) or kind, Collection):
        raise ValueError("no text can say it; a scenario can: topology(NAME, parameter=...)")
    # a kind of the author's own comes as it is, and build() says what does not fit
    return str(value) if kind is str else value


def _bare(hint: Any) -> Any:
    """Return the type itself, without what is said about it."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _bound(hint: Any) -> str:
    return f", {typing.get_args(Count)[1]}" if Count in alternatives(hint) else ""


def _within(hint: Any, number: int) -> int:
    if number < 0 and _bound(hint):
        raise ValueError
    return number


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError(f"one of {', '.join((*TRUE, *FALSE))}")
