# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's values as plain JSON values and back, by their annotations. What has no annotation here is an error.

Octets become Latin-1 text, dictionaries lists of pairs, a Moment Unix seconds, a Peering the name of its rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sipalg_core.alg.moment import MOMENT
from sipalg_core.contract.policy import Peering

Plain = None | bool | int | float | str | list["Plain"]

_hints = cache(lambda cls: get_type_hints(cls, include_extras=True))


class Unknown(LookupError):
    """The value refers to a rule that the policy no longer has."""


class Codec:
    """`wall` is Unix time minus monotonic time; `peering` finds a rule by its name."""

    def __init__(self, wall: float, peering: Callable[[str], Peering | None]) -> None:
        self._wall = wall
        self._peering = peering

    def plain(self, kind: Any, value: Any) -> Plain:
        """`value`, which is of type `kind`, as a plain value."""
        origin, parameters = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return None if value == float("inf") else value + self._wall if MOMENT in parameters else value
        if origin in (Union, UnionType):
            return None if value is None else self.plain(_wrapped(parameters), value)
        if kind is Peering:
            return str(value.rule)
        if kind is bytes:
            return str(value.decode("latin-1"))
        if origin is dict:
            return [[self.plain(parameters[0], key), self.plain(parameters[1], each)] for key, each in value.items()]
        if origin in (list, tuple):
            kinds = _kinds(origin, parameters, len(value))
            return [self.plain(of, each) for of, each in zip(kinds, value, strict=True)]
        if names := _names(kind):
            return [self.plain(_hints(kind)[name], getattr(value, name)) for name in names]
        if isinstance(value, Enum):
            return str(value.value)
        if kind in (bool, int, float, str) or origin is Literal:
            return value  # type: ignore[no-any-return]  # one of the four, or a word of the Literal
        raise TypeError(f"no plain form of {kind}")

    def value(self, kind: Any, plain: Any) -> Any:
        """The value of type `kind` that `plain` stands for. Raises Unknown."""
        origin, parameters = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return float("inf") if plain is None else plain - self._wall if MOMENT in parameters else plain
        if origin in (Union, UnionType):
            return None if plain is None else self.value(_wrapped(parameters), plain)
        if kind is Peering:
            found = self._peering(plain)
            if found is None:
                raise Unknown(plain)
            return found
        if kind is bytes:
            return plain.encode("latin-1")
        if origin is dict:
            return {self.value(parameters[0], key): self.value(parameters[1], each) for key, each in plain}
        if origin in (list, tuple):
            kinds = _kinds(origin, parameters, len(plain))
            return origin(self.value(of, each) for of, each in zip(kinds, plain, strict=True))
        if names := _names(kind):
            return kind(*(self.value(_hints(kind)[name], each) for name, each in zip(names, plain, strict=True)))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(plain)
        return plain


def _wrapped(parameters: tuple[Any, ...]) -> Any:
    """The type behind `| None`; other unions do not occur in the engine's values."""
    (wrapped,) = (each for each in parameters if each is not NoneType)
    return wrapped


def _kinds(origin: Any, parameters: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    if origin is list or parameters[1:] == (...,):
        return (parameters[0],) * length
    return parameters


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass or a named tuple, in their order; () for anything else."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return getattr(kind, "_fields", ())
