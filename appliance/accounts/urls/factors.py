# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that allauth looks up by its own names: second factors, and proving again who one is."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import reauthenticate
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth.views import LogoutView
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import path
from django.views.generic import RedirectView

from appliance.accounts.views import door
from appliance.ui.requests import anybody, may, named


def _own(view: Callable[..., Any]) -> Callable[..., Any]:
    """Whom allauth sends away, since he has nothing to prove again with who he is, is told what lets him in."""

    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except PermissionDenied:
            return door.unproven(request)
        except ReauthenticationRequired:
            if not door.lacks_proof(request):
                raise  # allauth leads to the page for it
            return door.unproven(request)

    return may("account.own")(wraps(view)(asked))


def _whole(view: Callable[..., Any]) -> Callable[..., Any]:
    """A factor comes with its entry in the audit log, or not at all: one transaction, where allauth has none."""
    return _own(transaction.atomic(named(view)))


def _telling(view: Callable[..., Any]) -> Callable[..., Any]:
    """Recovery codes that can no longer be read (`signin.FactorAdapter.decrypt`) are told of, on the account's page."""

    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return redirect("accounts:account")

    return told


urlpatterns = [
    path("login/", anybody(RedirectView.as_view(pattern_name="accounts:sign_in")), name="account_login"),
    path("logout/", anybody(LogoutView.as_view(next_page="accounts:sign_in")), name="account_logout"),
    path("authenticate/", anybody(base.authenticate), name="mfa_authenticate"),
    path("passkey/", anybody(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path("prove/", _own(door.prove), name="prove"),
    path("prove/password/", _own(reauthenticate), name="account_reauthenticate"),
    path("prove/code/", _own(base.reauthenticate), name="mfa_reauthenticate"),
    path("prove/passkey/", _own(webauthn.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"),
    path("factors/", _own(RedirectView.as_view(pattern_name="accounts:account")), name="mfa_index"),
    path("factors/app/add/", _whole(totp.activate_totp), name="mfa_activate_totp"),
    path("factors/app/remove/", _whole(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("factors/codes/", _whole(_telling(recovery.view_recovery_codes)), name="mfa_view_recovery_codes"),
    path("factors/codes/new/", _whole(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path(
        "factors/codes/download/", _own(_telling(recovery.download_recovery_codes)), name="mfa_download_recovery_codes"
    ),
    path("factors/passkeys/", _own(RedirectView.as_view(pattern_name="accounts:account")), name="mfa_list_webauthn"),
    path("factors/passkeys/add/", _whole(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path("factors/passkeys/<int:pk>/remove/", _whole(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("factors/passkeys/<int:pk>/name/", _own(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
]
