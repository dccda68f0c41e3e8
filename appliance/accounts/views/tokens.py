# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of API tokens: one's own, and for the owner everybody's."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.accounts import queries, services
from appliance.accounts.forms import TokenForm
from appliance.accounts.models import ApiToken
from appliance.ui.requests import OperatorRequest, may


@may("tokens.own")
def tokens(request: OperatorRequest) -> HttpResponse:
    return _page(request, TokenForm())


@require_POST
@may("tokens.own", fresh=True)
def create(request: OperatorRequest) -> HttpResponse:
    """The text of the token is shown in this answer and never again."""
    form = TokenForm(request.POST)
    made: list[str] = []
    if form.accepted(lambda values: made.append(services.create_api_token(user=request.user, **values)[1])):
        return _page(request, TokenForm(), made[0])
    return _page(request, form)


@require_POST
@may("tokens.own")
def revoke(request: OperatorRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(_listed(request), pk=pk)
    services.delete_api_token(actor=request.user, token=token)
    messages.success(
        request, _("The token “%s” is revoked. Programs that use it are refused from now on.") % token.name
    )
    return redirect("accounts:tokens")


def _listed(request: OperatorRequest) -> QuerySet[ApiToken]:
    """Those that one may see, and revoke."""
    everybodys = ApiToken.objects.select_related("user").order_by("user__username", "name")
    return everybodys if queries.permits(request.user, "users.change") else everybodys.filter(user=request.user)


def _page(request: OperatorRequest, form: TokenForm, new_token: str = "") -> HttpResponse:
    context = {"tokens": _listed(request), "token_form": form, "new_token": new_token}
    return render(request, "accounts/tokens.html", context)
