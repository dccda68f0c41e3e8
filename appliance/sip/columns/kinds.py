# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of settings: what a value of each may be, how it is said, and what of it the engine's policy takes.

A value is plain JSON, in the units that people read; `contract` turns it into those of sipalg_core.contract.policy.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from appliance.ruleset import notation

Text = str | Promise
Where = Literal["both", "all", "provider"]
"""Set for all and for a provider, or for one of them only."""

METHODS: Final = (
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE",
)  # fmt: skip
MOST_A_SECOND: Final = 100_000
LOWEST_PORT: Final = 1024


def _refuse(message: str) -> ValidationError:
    return ValidationError({"value": [message]})


@dataclass(frozen=True, slots=True)
class Setting:
    """`path` says where it goes in the engine's policy: group and field, `timers.t1`."""

    path: str
    label: Text
    sentence: Text
    change_only_if: Text
    default: Any
    where: Where = "both"

    @property
    def key(self) -> str:
        return self.path.replace(".", "-")

    @property
    def range(self) -> str:
        return ""

    def clean(self, value: Any) -> Any:
        """The value as it is kept. Raise ValidationError at `value`."""
        raise NotImplementedError

    def said(self, value: Any) -> str:
        """For people: with its unit, or in a word."""
        return str(value)

    def contract(self, value: Any) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class Number(Setting):
    """From `low` to `high`; `off` says what a 0 below that means, `empty` what no number at all means. `scale` is how
    many of its units are one of the engine's."""

    low: float = 0
    high: float = 0
    unit: Text = ""
    scale: float = 1
    off: Text = ""
    empty: Text = ""

    @property
    def range(self) -> str:
        span = f"{_figure(self.low)} – {_figure(self.high)} {self.unit}".strip()
        words = [
            span,
            *([f"0: {self.off}"] if self.off else []),
            *([_("empty: %s") % self.empty] if self.empty else []),
        ]
        return "; ".join(words)

    def clean(self, value: Any) -> float | int | None:
        if value in (None, "") and self.empty:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise _refuse(_("Enter a number: %s.") % self.range)
        if not self.low <= value <= self.high and not (self.off and value == 0):
            raise _refuse(_("%(value)s is out of range: %(range)s.") % {"value": _figure(value), "range": self.range})
        whole = int(value)
        if whole != value and (isinstance(self.default, int) or self.default is None):
            raise _refuse(_("Enter a whole number: %s.") % self.range)
        return whole if whole == value else value

    def said(self, value: Any) -> str:
        if value is None:
            return str(self.empty)
        if value == 0 and self.off:
            return str(self.off)
        return f"{_figure(value)} {self.unit}".strip()

    def contract(self, value: Any) -> Any:
        if value is None or self.scale == 1:
            return value
        return value / self.scale


def _figure(number: float) -> str:
    return f"{number:,.10g}".replace(",", "\u202f") if number >= 10_000 else f"{number:.10g}"


@dataclass(frozen=True, slots=True)
class Switch(Setting):
    def clean(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise _refuse(_("Say true or false."))
        return value

    def said(self, value: Any) -> str:
        return _("on") if value else _("off")


@dataclass(frozen=True, slots=True)
class Choice(Setting):
    choices: tuple[tuple[str, Text], ...] = ()

    def clean(self, value: Any) -> str:
        known = [word for word, _label in self.choices]
        if value not in known:
            raise _refuse(_("Choose one of: %s.") % ", ".join(known))
        return str(value)

    def said(self, value: Any) -> str:
        return str(dict(self.choices).get(value, value))


@dataclass(frozen=True, slots=True)
class Methods(Setting):
    """Some of the known methods."""

    def clean(self, value: Any) -> list[str]:
        if not isinstance(value, list | tuple) or not set(map(str, value)) <= set(METHODS):
            raise _refuse(_("Choose among: %s.") % ", ".join(METHODS))
        return [method for method in METHODS if method in value]

    def said(self, value: Any) -> str:
        return ", ".join(value) or _("none")


@dataclass(frozen=True, slots=True)
class Rates(Setting):
    """Method → requests a second; a method that is not named has no limit."""

    def clean(self, value: Any) -> dict[str, float]:
        given = {name: rate for name, rate in value.items() if rate is not None} if isinstance(value, dict) else None
        if given is None or not set(given) <= set(METHODS):
            raise _refuse(_("Choose among: %s.") % ", ".join(METHODS))
        for rate in given.values():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= MOST_A_SECOND:
                raise _refuse(_("A rate is a number from 1 to %s.") % _figure(MOST_A_SECOND))
        return {method: given[method] for method in METHODS if method in given}

    def said(self, value: Any) -> str:
        return ", ".join(f"{method} {_figure(rate)}" for method, rate in value.items()) or _("no limit")

    def contract(self, value: Any) -> Any:
        return [{"method": method, "per_second": rate} for method, rate in value.items()]


@dataclass(frozen=True, slots=True)
class Checks(Setting):
    """Check → what becomes of a message that fails it; one that is not named is answered."""

    checks: tuple[tuple[str, Text], ...] = ()
    actions: tuple[tuple[str, Text], ...] = ()

    def clean(self, value: Any) -> dict[str, str]:
        known, actions = [name for name, _label in self.checks], [name for name, _label in self.actions]
        if not isinstance(value, dict) or not set(value) <= set(known):
            raise _refuse(_("Choose among: %s.") % ", ".join(known))
        if not set(value.values()) <= set(actions):
            raise _refuse(_("Choose one of: %s.") % ", ".join(actions))
        return {name: value[name] for name in known if name in value and value[name] != actions[0]}

    def said(self, value: Any) -> str:
        labels = dict(self.actions)
        return ", ".join(f"{name}: {labels[action]}" for name, action in value.items()) or str(self.actions[0][1])

    def contract(self, value: Any) -> Any:
        return [{"check": name, "action": action} for name, action in value.items()]


@dataclass(frozen=True, slots=True)
class Ports(Setting):
    """A range, `20000-29999`, of so many ports at least."""

    least: int = 100

    @property
    def range(self) -> str:
        return f"{LOWEST_PORT} – {notation.LAST_PORT}"

    def clean(self, value: Any) -> str:
        try:
            (span,) = notation.port_ranges(str(value))
        except ValueError as error:
            raise _refuse(_("Write a range like 20000-29999.")) from error
        if span.first < LOWEST_PORT or span.last - span.first + 1 < self.least:
            raise _refuse(
                _("Take at least %(least)d ports from %(lowest)d up.") % {"least": self.least, "lowest": LOWEST_PORT}
            )
        return f"{span.first}-{span.last}"

    def contract(self, value: Any) -> Any:
        first, _dash, last = value.partition("-")
        return {"first": int(first), "last": int(last)}


@dataclass(frozen=True, slots=True)
class Addresses(Setting):
    """Addresses of ours, one of a family at most; none: the first that an external interface has."""

    def clean(self, value: Any) -> list[str]:
        try:
            found = [ipaddress.ip_address(str(each).strip()) for each in value]
        except (ValueError, TypeError) as error:
            raise _refuse(_("Write an address of this appliance, such as 203.0.113.2.")) from error
        if len({each.version for each in found}) < len(found):
            raise _refuse(_("Take one address of a family at most."))
        return [str(each) for each in found]

    def said(self, value: Any) -> str:
        return ", ".join(value) or _("the first external address")
