# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in by password or one-time link, and the page of the own account."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from appliance.accounts import services
from appliance.accounts.forms import PasswordForm, SignInForm, TokenForm
from appliance.accounts.models import ApiToken
from appliance.ui.requests import OperatorRequest, may


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


@never_cache
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Only the button redeems the link: programs that preview addresses send no POST."""
    if request.method != "POST":
        return render(request, "accounts/link.html")
    try:
        user = services.redeem_link(token=token, source=request.META.get("REMOTE_ADDR", ""))
    except services.LinkInvalid as error:
        return render(request, "accounts/link.html", {"refusal": str(error)}, status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if not user.has_usable_password():
        messages.info(request, _("You are signed in. Set a password now, so that you can come back without a link."))
        return redirect("accounts:account")
    return redirect("ui:overview")


@may("account.own")
def account(request: OperatorRequest) -> HttpResponse:
    return _page(request)


@require_POST
@may("account.own")
def set_password(request: OperatorRequest) -> HttpResponse:
    form = PasswordForm(request.POST)
    if not form.accepted(lambda values: services.set_password(actor=request.user, user=request.user, **values)):
        return _page(request, password_form=form)
    update_session_auth_hash(request, request.user)
    messages.success(request, _("The password is set. Other browsers that were signed in have to sign in again."))
    return redirect("accounts:account")


@require_POST
@may("account.own")
def create_token(request: OperatorRequest) -> HttpResponse:
    """The text of the token is shown in this answer and never again."""
    form = TokenForm(request.POST)
    made: list[str] = []
    if not form.accepted(lambda values: made.append(services.create_api_token(user=request.user, **values)[1])):
        return _page(request, token_form=form)
    return _page(request, new_token=made[0])


@require_POST
@may("account.own")
def revoke_token(request: OperatorRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    services.delete_api_token(actor=request.user, token=token)
    messages.success(
        request, _("The token “%s” is revoked. Programs that use it are refused from now on.") % token.name
    )
    return redirect("accounts:account")


def _page(request: OperatorRequest, **context: Any) -> HttpResponse:
    forms = {"password_form": PasswordForm(), "token_form": TokenForm()}
    tokens = ApiToken.objects.filter(user=request.user)
    return render(request, "accounts/account.html", forms | {"tokens": tokens} | context)
