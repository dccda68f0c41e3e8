# SPDX-License-Identifier: GPL-2.0-or-later
"""How allauth is bent to us: who may come in from where, what a fresh proof is, secrets sealed, and no mail."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from appliance import keys
from appliance.accounts import queries
from appliance.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no annotations that mypy takes
    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **_hooks: Any) -> HttpResponse | None:
        """Before the second factor is asked for: whether he may come in at all, now and from there."""
        refusal = refused(user, request.META.get("REMOTE_ADDR", ""))
        if refusal:
            messages.error(request, refusal)
            return redirect("accounts:sign_in")
        return None

    def post_login(
        self, _request: HttpRequest, _user: User, *, redirect_url: str | None, **_hooks: Any
    ) -> HttpResponse:  # fmt: skip
        return redirect(redirect_url or "ui:overview")

    def is_reauthentication_required(self, **_more: Any) -> bool:
        """Whoever has just come in has proved who he is, by a one-time link as well."""
        return not queries.proven(self.request)

    def send_notification_mail(self, *_arguments: Any, **_options: Any) -> None:
        """The appliance's own notices tell people, not allauth's mail."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # the same
    def get_totp_issuer(self) -> str:
        return f"Pinhole {self._get_site_name()}"

    def encrypt(self, text: str) -> str:
        return keys.seal(text, key=settings.SECRET_KEY, purpose="factors")

    def decrypt(self, encrypted_text: str) -> str:
        """Raise ValidationError, which a form shows at its field."""
        try:
            return keys.unseal(encrypted_text, key=settings.SECRET_KEY, purpose="factors")
        except keys.KeyLost as error:
            raise ValidationError(
                _(
                    "The appliance has another key than when this second factor was added, so it can't be checked. "
                    "Ask the owner to reset it, or come in by a one-time link from the device itself."
                ),
                code="key_lost",
            ) from error

    def get_totp_label(self, user: User) -> str:
        return user.username


def refused(user: User, source: str) -> str:
    """Why this user may not come in from there now; "" where he may."""
    if not user.works:
        return _("This account is switched off or has ended.")
    if queries.in_place(user, source):
        return ""
    if user.role == "support":
        return _("Vendor support comes in only while remote maintenance is open, and only from its own addresses.")
    return _("This account works only from another address.")
