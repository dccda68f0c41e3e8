# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in: by password and second factor, by passkey, by one-time link."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import perform_password_login, record_authentication
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from appliance.accounts import queries, services
from appliance.accounts.forms import SignInForm
from appliance.accounts.models import User
from appliance.signin import refused
from appliance.system.queries import is_new

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """On to the second factor, where there is one."""
        user = form.get_user()
        login_of = Login(user=user, redirect_url=self.get_success_url())
        answer: HttpResponse = perform_password_login(self.request, {"username": user.get_username()}, login_of)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"passkey_url": reverse("mfa_login_webauthn")}


@never_cache
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Only the button redeems the link: programs that preview addresses send no POST."""
    context: dict[str, Any] = {"needs_code": services.needs_code(token)}
    if request.method != "POST":
        return render(request, "accounts/link.html", context)
    source = request.META.get("REMOTE_ADDR", "")
    try:
        user = services.redeem_link(token=token, code=request.POST.get("code", ""), source=source)
        refusal = refused(user, source)
        if refusal:
            raise services.LinkInvalid(refusal)
    except services.LinkInvalid as error:
        still = services.needs_code(token)
        return render(request, "accounts/link.html", {"refusal": str(error), "needs_code": still}, status=410)
    come_in(request, user, method="link")
    if not user.has_usable_password():
        if permits_setup(user):
            return redirect("system:setup")
        messages.info(request, _("You are signed in. Set a password now, so that you can come back without a link."))
        return redirect("accounts:account")
    return redirect("ui:overview")


def permits_setup(user: User) -> bool:
    """Whether this is a new appliance, and one who may set it up."""
    return queries.permits(user, "setup.run") and is_new()


def come_in(request: HttpRequest, user: User, *, method: str) -> None:
    login(request, user, backend=BACKEND)
    record_authentication(request, user, method)


def lacks_proof(request: HttpRequest) -> str:
    return queries.lacks_proof(request.user) if isinstance(request.user, User) else ""


def unproven(request: HttpRequest) -> HttpResponse:
    """To the own account, where one reads what is missing for a proof."""
    messages.error(request, lacks_proof(request) or _("Your account has nothing of that kind to prove it with."))
    return redirect("accounts:account")


def prove(request: HttpRequest) -> HttpResponse:
    """To the page on which one proves again who one is, the strongest way that the account has."""
    if not isinstance(request.user, User):
        return redirect("accounts:sign_in")
    wanted = "mfa_reauthenticate" if queries.has_second_factor(request.user) else "account_reauthenticate"
    return redirect(f"{reverse(wanted)}?{request.GET.urlencode()}")
