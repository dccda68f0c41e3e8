# SPDX-License-Identifier: GPL-2.0-or-later
"""What one may look for in the audit log."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.ui.forms import OperatorForm


class EntryFilter(OperatorForm):
    words = forms.CharField(label=_("Words"), required=False, max_length=200)
    actor = forms.CharField(label=_("Who"), required=False, max_length=150)
    verb = forms.CharField(label=_("Act"), required=False, max_length=40)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
