# SPDX-License-Identifier: GPL-2.0-or-later
"""An object that is chosen in a form, or typed beside it: what is typed becomes one when the form is saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from django import forms
from django.forms.models import ModelChoiceIterator
from django.utils.translation import gettext_lazy as _

from appliance.recipes.answers import ports_of
from appliance.recipes.plans import Impossible, Place, Ports, place

TYPED: Final = "typed"
"""The choice that asks for what is typed."""
_PROTOCOLS: Final = ("tcp", "udp", "both")


class _AndTyped(ModelChoiceIterator):  # type: ignore[type-arg]  # generic in the stubs alone
    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        yield TYPED, _("another one, typed below")


class ObjectField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A row, None, or TYPED."""

    iterator = _AndTyped

    def to_python(self, value: Any) -> Any:
        return TYPED if value == TYPED else super().to_python(value)


def typed_field(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=200, help_text=help_text)


def address(text: str) -> Place:
    """An object that is called as it was typed. Raise Impossible."""
    found = place("", text, "")
    return Place(" ".join(text.split())[:80], found.kind, found.value)


def service(text: str) -> Ports:
    """`443`, `udp 5060`, `both 53`, `tcp 80,443`. Raise Impossible."""
    words = text.casefold().replace("/", " ").split()
    named = [word for word in words if word in _PROTOCOLS]
    ports = ports_of("".join(word for word in words if word not in _PROTOCOLS), "", lowest=1)
    if len(named) > 1:
        raise Impossible("", "no_ports")
    protocol = cast("Any", named[0] if named else "tcp")
    shown = "TCP+UDP" if protocol == "both" else protocol.upper()
    return Ports(f"{shown} {ports}", protocol, ports)
