# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of coming in, of the own account, and of people."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from allauth.core import context
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from allauth.mfa.utils import decrypt, encrypt
from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appliance.accounts import services
from appliance.accounts.models import User
from appliance.accounts.services.secrets import TOKEN_ROLES
from appliance.firewall import queries as firewall
from appliance.firewall.models import AddressObject
from appliance.permissions import Role, Scope
from appliance.ui.forms import OperatorForm

_LIFETIMES = [("30", _("30 days")), ("365", _("1 year")), ("", _("no end"))]
_WINDOWS = [
    ("0.5", _("30 minutes")), ("1", _("1 hour")), ("2", _("2 hours")), ("4", _("4 hours")), ("8", _("8 hours")),
    ("24", _("24 hours")),
]  # fmt: skip
_PASSES = [
    ("1", _("1 hour")), ("4", _("4 hours")), ("24", _("1 day")), ("72", _("3 days")), ("168", _("7 days")),
]  # fmt: skip


def _pending_secret(session: Any) -> str:
    """Of the app that is being added; sealed, since sessions lie in the database. allauth forgets it afterwards."""
    with suppress(KeyError, ValidationError):
        return str(decrypt(session[SECRET_SESSION_KEY]))
    secret = generate_totp_secret()
    session[SECRET_SESSION_KEY] = encrypt(secret)
    return str(secret)


class AddAppForm(ActivateTOTPForm):  # type: ignore[misc]  # allauth has no annotations that mypy takes
    """Shows one secret until the app is added: a page that is loaded again must not spoil what was scanned."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.user, self.secret = user, _pending_secret(context.request.session)


class SignInForm(AuthenticationForm):
    """Asks services.attempts before it looks at a password."""

    error_messages = {
        "invalid_login": _("This name and password do not belong together. Check both; letter case matters."),
        "inactive": _("This account is switched off."),
    }
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    def clean(self) -> dict[str, Any]:
        account = self.cleaned_data.get("username", "")
        source = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        wait = services.attempts.wait(account, source) if account else None
        if wait is not None:
            minutes = max(1, round(wait.total_seconds() / 60))
            message = gettext("Too many wrong passwords. Try again in %d min, or use a link from the device itself.")
            raise ValidationError(message % minutes, code="too_many")
        try:
            cleaned = super().clean()
        except ValidationError:
            services.attempts.note(account, source, succeeded=False)
            raise
        if account and self.get_user() is not None:
            services.attempts.note(account, source, succeeded=True)
        return cleaned


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
        label=_("Valid for"), choices=_LIFETIMES, required=False, initial="365", coerce=int, empty_value=None,
        help_text=_("Then it ends by itself. Change only if a program must go on for longer, or shall not."),
    )  # fmt: skip
    role = forms.ChoiceField(
        label=_("May at most"), required=False,
        choices=[("", _("what I may")), *((role.value, role.label) for role in TOKEN_ROLES)],
        help_text=_("A program needs less than you do; never can it do more."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        days = self.cleaned_data.pop("lifetime", None)
        self.cleaned_data["expires"] = timezone.now() + timedelta(days=days) if days else None
        return self.cleaned_data


class MaintenanceForm(OperatorForm):
    scope = forms.TypedChoiceField(
        label=_("Support may"), choices=Scope.choices, coerce=int, initial=Scope.DIAGNOSE,
        help_text=_("Each step holds the one before. Change only if support asks for more, and says why."),
    )  # fmt: skip
    sources: forms.ModelMultipleChoiceField[AddressObject] = forms.ModelMultipleChoiceField(
        AddressObject.objects.none(), label=_("Only from"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("The support company's own addresses; the firewall opens the console for them and nobody else."),
    )  # fmt: skip
    lasts = forms.TypedChoiceField(
        label=_("For"), choices=_WINDOWS, initial="4", coerce=lambda hours: timedelta(hours=float(hours)),
        help_text=_("Then support is out, open connections and sessions as well."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Why"), required=False, max_length=500, help_text=_("Stands in the report and in the audit log.")
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sources"].queryset = firewall.addresses()  # type: ignore[attr-defined]  # a ModelMultipleChoiceField


class RoleForm(OperatorForm):
    role = forms.ChoiceField(
        label=_("Role"), choices=Role.choices, initial=Role.ADMINISTRATOR,
        help_text=_(
            "An owner may all; a firewall admin all but people and restore; a technician looks into calls and tests; "
            "an auditor reads."
        ),
    )  # fmt: skip


class UserForm(RoleForm):
    username = forms.CharField(
        label=_("Name"), required=False, max_length=80, help_text=_("For the sign-in, and in the audit log.")
    )  # fmt: skip
    field_order = ("username", "role")


class PassForm(OperatorForm):
    ids = "id_pass_%s"
    username = forms.CharField(
        label=_("Name"), required=False, max_length=80, help_text=_("Of the person; never one pass for two.")
    )  # fmt: skip
    lasts = forms.TypedChoiceField(
        label=_("Ends after"), choices=_PASSES, initial="24", coerce=lambda hours: timedelta(hours=int(hours)),
        help_text=_("By itself, whatever is open then."),
    )  # fmt: skip
    source = forms.CharField(
        label=_("Only from"), required=False, max_length=64,
        widget=forms.TextInput(attrs={"class": "form-control mono"}), help_text=_("An address or network; empty: any."),
    )  # fmt: skip
