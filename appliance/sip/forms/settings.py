# SPDX-License-Identifier: GPL-2.0-or-later
"""The form of one setting: its fields follow from its kind, its words from the table of settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from appliance.sip.columns.kinds import METHODS, Addresses, Checks, Choice, Methods, Number, Rates, Setting, Switch
from appliance.ui.forms import OperatorForm


class SettingForm(OperatorForm):
    about = "form-about"

    def __init__(self, *args: Any, setting: Setting, value: Any, own: tuple[str, ...] = (), **kwargs: Any) -> None:
        """`own` are our external addresses, for a setting that chooses among them."""
        self.setting = setting
        self.declared = dict(_fields(setting, value, own))
        super().__init__(*args, **kwargs)
        self.fields.update(self.declared)
        self._dress()

    def value(self) -> Any:
        """As the setting's `clean` takes it."""
        given = self.cleaned_data
        if isinstance(self.setting, Rates | Checks):
            return {name: given[name] for name in self.declared if given[name] not in (None, "")}
        if isinstance(self.setting, Addresses):
            return [each for each in (given["ipv4"], given["ipv6"]) if each]
        value = given["value"]
        if isinstance(self.setting, Number) and value is not None:
            return int(value) if value == int(value) else value
        return value


def _fields(setting: Setting, value: Any, own: tuple[str, ...]) -> Iterator[tuple[str, forms.Field]]:
    help_text = f"{setting.range}." if setting.range else ""
    label = str(setting.label)
    match setting:
        case Number():
            yield "value", forms.FloatField(label=label, initial=value, required=not setting.empty, help_text=help_text)
        case Switch():
            yield "value", forms.BooleanField(label=label, initial=value, required=False)
        case Choice():
            yield "value", forms.ChoiceField(label=label, initial=value, choices=setting.choices)
        case Methods():
            choices = [(method, method) for method in METHODS]
            widget = forms.CheckboxSelectMultiple
            yield (
                "value",
                forms.MultipleChoiceField(label=label, initial=value, choices=choices, widget=widget, required=False),
            )
        case Rates():
            for method in METHODS:
                yield method, forms.FloatField(label=method, initial=value.get(method), required=False)
        case Checks():
            for name, said in setting.checks:
                initial = value.get(name, setting.actions[0][0])
                yield name, forms.ChoiceField(label=str(said), initial=initial, choices=setting.actions)
        case Addresses():
            for family, colon in (("ipv4", False), ("ipv6", True)):
                ours = [each for each in own if (":" in each) is colon]
                initial = next((each for each in value if (":" in each) is colon), "")
                choices = [("", _("the first external address")), *((each, each) for each in ours)]
                yield (
                    family,
                    forms.ChoiceField(
                        label=family.replace("ip", "IP"), initial=initial, choices=choices, required=False
                    ),
                )
        case _:
            yield "value", forms.CharField(label=label, initial=value, help_text=help_text)
