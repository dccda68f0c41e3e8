# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of users and passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from appliance.accounts import queries, services
from appliance.accounts.forms import PassForm, RoleForm, UserForm
from appliance.accounts.models import User
from appliance.permissions import GRANTABLE, Role
from appliance.ui.forms import OperatorForm
from appliance.ui.requests import OperatorRequest, may

GRANTS: Final = (
    (
        "alg.exempt",
        gettext_lazy("Who may exempt servers from the ALG"),
        gettext_lazy(
            "Nobody should have to call the vendor for that. "
            "Support may only while remote maintenance is open for changes."
        ),
    ),
    (
        "calls.numbers",
        gettext_lazy("Who sees telephone numbers whole"),
        gettext_lazy(
            "Everybody else sees them without the last three digits, and names as their first letter, everywhere."
        ),
    ),
)
"""What the owner decides (permissions.GRANTABLE), as the page puts it."""


@may("users.see")
def people(request: OperatorRequest) -> HttpResponse:
    return _page(request)


@require_POST
@may("users.change", fresh=True)
def add_user(request: OperatorRequest) -> HttpResponse:
    return _invite(request, UserForm(request.POST), services.create_user, "user_form")


@require_POST
@may("users.change", fresh=True)
def add_pass(request: OperatorRequest) -> HttpResponse:
    return _invite(request, PassForm(request.POST), services.create_pass, "pass_form")


@require_POST
@may("users.change", fresh=True)
def renew_link(request: OperatorRequest, pk: int) -> HttpResponse:
    try:
        invitation = services.renew_link(actor=request.user, user=get_object_or_404(User, pk=pk))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("accounts:people")
    return _page(request, invitation=_shown(invitation))


@require_POST
@may("users.change", fresh=True)
def set_role(request: OperatorRequest, pk: int) -> HttpResponse:
    form = RoleForm(request.POST)
    role = form.cleaned_data["role"] if form.is_valid() else ""
    user = get_object_or_404(User, pk=pk)
    return _change(
        request,
        lambda: services.set_role(actor=request.user, user=user, role=role),
        _("%s has another role now, and has to sign in again.") % user,
    )


@require_POST
@may("users.change", fresh=True)
def set_active(request: OperatorRequest, pk: int) -> HttpResponse:
    user, active = get_object_or_404(User, pk=pk), "active" in request.POST
    said = _("%s may come in again.") if active else _("%s is switched off and signed out everywhere.")
    return _change(
        request, lambda: services.set_active(actor=request.user, user=user, active=active), said % user
    )  # fmt: skip


@require_POST
@may("users.change", fresh=True)
def reset_factors(request: OperatorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    return _change(
        request,
        lambda: services.reset_factors(actor=request.user, user=user),
        _("The second factors of %s are gone. A new one can be set after the next sign-in.") % user,
    )


@require_POST
@may("users.change", fresh=True)
def end_sessions(request: OperatorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    return _change(
        request,
        lambda: services.end_sessions(actor=request.user, user=user),
        _("%s is signed out everywhere.") % user,
    )  # fmt: skip


@require_POST
@may("users.change", fresh=True)
def grant(request: OperatorRequest) -> HttpResponse:
    """Which roles may do what the owner decides about."""
    given = set(request.POST.getlist("grant"))
    for permission, roles in GRANTABLE.items():
        for role in sorted(roles):
            services.grant(
                actor=request.user, role=role, permission=permission, allowed=f"{permission}:{role}" in given
            )
    messages.success(request, _("The permissions are as you chose."))
    return redirect("accounts:people")


@require_POST
@may("users.change", fresh=True)
def demand_factor(request: OperatorRequest) -> HttpResponse:
    """Whether owners and firewall admins must have a second factor."""
    demanded = "demanded" in request.POST
    services.demand_factor(actor=request.user, demanded=demanded)
    said = (
        _("Whoever has none is led to its set-up at the next sign-in, and can do nothing else until it is done.")
        if demanded
        else _("A second factor is as one likes; who has none is reminded.")
    )
    messages.success(request, said)
    return redirect("accounts:people")


def _invite(
    request: OperatorRequest, form: OperatorForm, create: Callable[..., services.Invitation], shown_as: str
) -> HttpResponse:
    """The link is shown in this answer and never again."""
    made: list[services.Invitation] = []
    if not form.accepted(lambda values: made.append(create(actor=request.user, **values))):
        return _page(request, **{shown_as: form})
    return _page(request, invitation=_shown(made[0]))


def _change(request: OperatorRequest, verb: Callable[[], object], said: str) -> HttpResponse:
    try:
        verb()
        messages.success(request, said)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("accounts:people")


def _shown(invitation: services.Invitation) -> dict[str, Any]:
    return {
        "user": invitation.user,
        "url": f"{settings.CONSOLE_ORIGINS[0]}/accounts/link/{invitation.link}/",
        "code": invitation.code,
    }


def _page(request: OperatorRequest, **context: Any) -> HttpResponse:
    granted = queries.grants()
    shown = {
        "people": [
            (user, queries.has_second_factor(user), queries.signed_in(user).count())
            for user in User.objects.order_by("role", "username")
        ],
        "user_form": UserForm(),
        "pass_form": PassForm(),
        "roles": Role,
        "demanded": queries.factor_demanded(),
        "without_factor": queries.without_factor(),
        "grants": [
            (
                title,
                about,
                [
                    (f"{permission}:{role}", role.label, granted.get((role, permission), True))
                    for role in Role
                    if role in GRANTABLE[permission]
                ],
            )
            for permission, title, about in GRANTS
        ],
    }
    return render(request, "accounts/people.html", shown | context)
