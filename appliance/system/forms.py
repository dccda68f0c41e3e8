# SPDX-License-Identifier: GPL-2.0-or-later
"""The one field of an apply."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.ui.forms import OperatorForm


class ApplyForm(OperatorForm):
    reason = forms.CharField(label=_("Reason (optional)"), required=False, max_length=500)
