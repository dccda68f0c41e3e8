# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of the history and of quality: what is looked for, and what is kept."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.sip.models.calls import LONGEST_RETENTION, Masking
from appliance.ui.forms import OperatorForm

_RESULTS: Final = [
    ("", _("any")),
    ("completed", _("Ended")),
    ("busy", _("Busy")),
    ("cancelled", _("Cancelled")),
    ("rejected", _("Rejected")),
    ("diverted", _("Diverted")),
]
_DAYS: Final = [("", _("all that is kept")), ("1", _("the last day")), ("7", _("the last week")), ("30", _("30 days"))]


class HistorySearch(OperatorForm):
    q = forms.CharField(
        label=_("Numbers, phone, provider"), required=False, max_length=200, strip=True,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("-word excludes")}),
    )  # fmt: skip
    state = forms.ChoiceField(label=_("Result"), choices=_RESULTS, required=False)
    days = forms.ChoiceField(label=_("Began in"), choices=_DAYS, required=False)
    faults = forms.BooleanField(label=_("Only with something wrong"), required=False)


class HistorySettingsForm(OperatorForm):
    retention_days = forms.IntegerField(
        label=_("Keep for (days)"),
        min_value=1,
        max_value=LONGEST_RETENTION,
        help_text=_("Older calls are forgotten within the hour. Change only if your rules on data protection say so."),
    )
    masking = forms.ChoiceField(
        label=_("Numbers"),
        choices=Masking.choices,
        help_text=_(
            "Of calls that end from now on; what is recorded already keeps its numbers. Change only if nobody needs "
            "whole numbers to look into a complaint."
        ),
    )


class QualitySearch(OperatorForm):
    days = forms.ChoiceField(
        label=_("Time"), required=False,
        choices=[("1", _("the last day")), ("3", _("three days")), ("7", _("the last week")), ("30", _("30 days"))],
    )  # fmt: skip
    provider = forms.ChoiceField(label=_("Provider"), required=False)

    def __init__(self, *args: Any, providers: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("all")), *((name, name) for name in providers)]
        self.fields["provider"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def days_asked(self) -> int:
        return int(self.cleaned_data.get("days") or 1)
