# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the own account: password, second factors, browsers."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.accounts import queries, services
from appliance.accounts.forms import PasswordForm
from appliance.ui.requests import OperatorRequest, may


@may("account.own")
def account(request: OperatorRequest) -> HttpResponse:
    return _page(request)


@require_POST
@may("account.own", fresh=True)
def set_password(request: OperatorRequest) -> HttpResponse:
    form = PasswordForm(request.POST)
    if not form.accepted(lambda values: services.set_own_password(request=request, user=request.user, **values)):
        return _page(request, password_form=form)
    messages.success(request, _("The password is set. Other browsers that were signed in have to sign in again."))
    return redirect("accounts:account")


@require_POST
@may("account.own")
def end_session(request: OperatorRequest, pk: int) -> HttpResponse:
    chosen = get_object_or_404(queries.signed_in(request.user), pk=pk)
    services.end_sessions(actor=request.user, user=request.user, chosen=[chosen])
    messages.success(request, _("That browser is signed out."))
    return redirect("accounts:account")


@require_POST
@may("account.own")
def end_other_sessions(request: OperatorRequest) -> HttpResponse:
    others = queries.signed_in(request.user).exclude(session=request.session.session_key or "")
    services.end_sessions(actor=request.user, user=request.user, chosen=list(others))
    messages.success(request, _("All other browsers are signed out."))
    return redirect("accounts:account")


def _page(request: OperatorRequest, **context: Any) -> HttpResponse:
    factors = Authenticator.objects.filter(user=request.user)
    shown = {
        "password_form": PasswordForm(),
        "browsers": queries.signed_in(request.user),
        "this_browser": request.session.session_key,
        "totp": factors.filter(type=Authenticator.Type.TOTP).first(),
        "passkeys": [each.wrap() for each in factors.filter(type=Authenticator.Type.WEBAUTHN)],
        "codes": factors.filter(type=Authenticator.Type.RECOVERY_CODES).first(),
    }
    return render(request, "accounts/account.html", shown | context)
