# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of an apply."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.system import services
from appliance.ui.forms import OperatorForm


class ApplyForm(OperatorForm):
    reason = forms.CharField(label=_("Reason (optional)"), required=False, max_length=500)
    confirm_within = forms.IntegerField(
        label=_("Go back unless kept within (seconds)"),
        required=False,
        initial=services.DEFAULT_WINDOW,
        min_value=services.SHORTEST_WINDOW,
        max_value=services.LONGEST_WINDOW,
    )

    def clean_confirm_within(self) -> int:
        return self.cleaned_data["confirm_within"] or services.DEFAULT_WINDOW
