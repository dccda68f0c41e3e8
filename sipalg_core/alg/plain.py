# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's values as plain JSON values and back, by their annotations. What has no annotation here is an error.

Octets become Latin-1 text, dictionaries lists of pairs, dataclasses and named tuples lists, a Peering the name of its
rule. How a type is written is found out once: most fields are plain as they are and cost nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import sipalg_core
from sipalg_core.contract.policy import Peering

Turn = Callable[[Any], Any]
"""Makes a value plain, or the other way round; None in place of it where that is the value itself."""


class Unknown(LookupError):
    """The value refers to a rule that the policy no longer has."""


def writer(kind: Any) -> Turn:
    """What makes a value of this type plain."""
    return _writer(kind) or _same


@cache
def _writer(kind: Any) -> Turn | None:
    origin, parameters = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _unless_none(_writer(_wrapped(parameters)))
    if kind is Peering:
        return attrgetter("rule")
    if kind is bytes:
        return _text
    if origin is dict:
        return _pairs(_writer(parameters[0]), _writer(parameters[1]))
    if origin is list or parameters[1:] == (...,):
        each = _writer(parameters[0])
        return None if each is None else lambda values: [each(value) for value in values]
    if origin is tuple:
        return _written(_same, tuple(map(_writer, parameters)))
    if names := _names(kind):
        turns = tuple(_writer(_hints(kind)[name]) for name in names)
        return _written(_same if issubclass(kind, tuple) else attrgetter(*names), turns)
    if kind in (bool, int, float, str) or origin is Literal or issubclass(kind, str):
        return None
    raise TypeError(f"no plain form of {kind}")


def _written(parts: Turn, turns: tuple[Turn | None, ...]) -> Turn | None:
    turned = [(at, turn) for at, turn in enumerate(turns) if turn is not None]
    if not turned:
        return None if parts is _same else parts

    def write(value: Any) -> list[Any]:
        values = list(parts(value))
        for at, turn in turned:
            values[at] = turn(values[at])
        return values

    return write


def _pairs(key: Turn | None, value: Turn | None) -> Turn:
    if key is None and value is None:
        return lambda known: list(known.items())
    name, content = key or _same, value or _same
    return lambda known: [(name(each), content(of)) for each, of in known.items()]


class Reader:
    """Reads what `writer` wrote; `peering` finds a rule by its name."""

    def __init__(self, peering: Callable[[str], Peering | None]) -> None:
        self._peering = peering
        self._turns: dict[Any, Turn | None] = {}

    def value(self, kind: Any, plain: Any) -> Any:
        """The value of type `kind` that `plain` stands for. Raises Unknown, or whatever comes of what is none."""
        turn = self._turn(kind)
        return plain if turn is None else turn(plain)

    def _turn(self, kind: Any) -> Turn | None:
        if kind not in self._turns:
            self._turns[kind] = self._reader(kind)
        return self._turns[kind]

    def _reader(self, kind: Any) -> Turn | None:
        origin, parameters = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return _unless_none(self._turn(_wrapped(parameters)))
        if kind is Peering:
            return self._rule
        if kind is bytes:
            return _octets
        if origin is dict:
            key, value = self._turn(parameters[0]) or _same, self._turn(parameters[1]) or _same
            return lambda pairs: {key(each): value(of) for each, of in pairs}
        if origin is list or parameters[1:] == (...,):
            each = self._turn(parameters[0]) or _same
            return lambda values: origin([each(value) for value in values])
        if origin is tuple:
            return _read(lambda *values: values, tuple(map(self._turn, parameters)))
        if names := _names(kind):
            return _read(kind, tuple(self._turn(_hints(kind)[name]) for name in names))
        return kind if isinstance(kind, type) and issubclass(kind, Enum) else None

    def _rule(self, name: str) -> Peering:
        found = self._peering(name)
        if found is None:
            raise Unknown(name)
        return found


def _read(make: Callable[..., Any], turns: tuple[Turn | None, ...]) -> Turn:
    turned = [(at, turn) for at, turn in enumerate(turns) if turn is not None]

    def read(plain: list[Any]) -> Any:
        values = list(plain)
        for at, turn in turned:
            values[at] = turn(values[at])
        return make(*values)

    return read


def _same(value: Any) -> Any:
    return value


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def _octets(text: str) -> bytes:
    return text.encode("latin-1")


def _unless_none(turn: Turn | None) -> Turn | None:
    return None if turn is None else lambda value: None if value is None else turn(value)


def _wrapped(parameters: tuple[Any, ...]) -> Any:
    """The type behind `| None`; other unions do not occur in the engine's values."""
    (wrapped,) = (each for each in parameters if each is not NoneType)
    return wrapped


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass or a named tuple, in their order; () for anything else."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return getattr(kind, "_fields", ())


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of its fields. A compiled class does not know them, its source does."""
    if not str(sys.modules[kind.__module__].__file__).endswith(".py"):
        source = Path(*sipalg_core.__path__[-1:], *kind.__module__.split(".")[1:]).with_suffix(".py")
        kind.__annotations__ = _annotated(source.read_text(), kind.__name__)
    return get_type_hints(kind)


def _annotated(source: str, name: str) -> dict[str, str]:
    """The annotations of a class of this name in a module's source."""
    (found,) = (each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == name)
    fields_of = (each for each in found.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name))
    return {each.target.id: ast.unparse(each.annotation) for each in fields_of if isinstance(each.target, ast.Name)}
