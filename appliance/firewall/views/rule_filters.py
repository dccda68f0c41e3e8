# SPDX-License-Identifier: GPL-2.0-or-later
"""The filters of the list of rules that have a name: those that everybody has, and those that an account keeps."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from appliance.accounts.models import User
from appliance.firewall import services
from appliance.firewall.models import ListColumns, Table
from appliance.ui.requests import OperatorRequest, may


class Named(NamedTuple):
    name: str | Promise
    words: str


READY: Final = (
    Named(gettext_lazy("Ends within seven days"), "ends:7"),
    Named(gettext_lazy("Changed, not applied yet"), "is:changed"),
    Named(gettext_lazy("Not hit in 90 days"), "is:unused"),
    Named(gettext_lazy("Covered by another rule"), "is:shadowed"),
    Named(gettext_lazy("Switched off"), "is:disabled"),
)
LEGEND: Final = (
    ("-tag:voip", gettext_lazy("without this tag; - excludes whatever follows")),
    ("from:internal to:external", gettext_lazy("what can pass between these zones")),
    ("is:accept", gettext_lazy("an action, or a state: active, disabled, expired, waiting, shadowed, unused, changed")),
    ("ends:7", gettext_lazy("ends within so many days")),
)


def filters_of(user: User) -> list[Named]:
    kept = ListColumns.objects.filter(user_id=user.pk).first()
    return [Named(name, words) for name, words in sorted(kept.filters.items())] if kept else []


@require_POST
@may("rules.see")
def keep(request: OperatorRequest) -> HttpResponse:
    words = request.POST.get("q", "")
    try:
        services.keep_filter(actor=request.user, name=request.POST.get("name", ""), words=words)
        messages.success(request, _("The filter is kept. It stands under “Filters”."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return _back(request, words)


@require_POST
@may("rules.see")
def forget(request: OperatorRequest) -> HttpResponse:
    services.forget_filter(actor=request.user, name=request.POST.get("name", ""))
    return _back(request, request.POST.get("q", ""))


def _back(request: OperatorRequest, words: str) -> HttpResponse:
    table = request.POST.get("table", "")
    asked = {"table": table if table in Table.values else Table.FORWARD} | ({"q": words[:200]} if words else {})
    return redirect(f"{reverse('firewall:rules')}?{urlencode(asked)}")
