# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of the own account: sign-in, password, API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appliance.ui.forms import OperatorForm

_LIFETIMES = [("30", _("30 days")), ("365", _("1 year")), ("", _("no end"))]


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _("This name and password do not belong together. Check both; letter case matters."),
        "inactive": _("This account is switched off."),
    }
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"


class PasswordForm(OperatorForm):
    password = forms.CharField(
        label=_("New password"), strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. A few unrelated words are easy to keep and hard to guess."),
    )  # fmt: skip


class TokenForm(OperatorForm):
    name = forms.CharField(
        label=_("Name"), required=False, max_length=80, help_text=_("Who or what uses it, e.g. “monitoring”.")
    )
    lifetime = forms.TypedChoiceField(
        label=_("Valid for"), choices=_LIFETIMES, required=False, initial="365", coerce=int, empty_value=None
    )

    def clean(self) -> dict[str, Any]:
        days = self.cleaned_data.pop("lifetime", None)
        self.cleaned_data["expires"] = timezone.now() + timedelta(days=days) if days else None
        return self.cleaned_data
