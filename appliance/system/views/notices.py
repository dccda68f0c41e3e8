# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of notifications: whom to tell and how, a test, and what was sent; and a request to those who may."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.system import queries, services
from appliance.system.columns import notice_row
from appliance.system.forms import NoticeForm
from appliance.ui.requests import NOTICES_SEEN, OperatorRequest, may

SHOWN: Final = 50


@may("notices.see", POST="notices.change")
def notices(request: OperatorRequest) -> HttpResponse:
    told = services.describe_notice_settings(services.notice_settings())
    initial = told | {"email_to": ", ".join(told["email_to"]), "smtp_password": "", "webhook_secret": ""}
    form = NoticeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.accepted(
        lambda values: services.save_notice_settings(actor=request.user, **values)
    ):
        messages.success(request, _("Saved."))
        return redirect("system:notices")
    shown = queries.notices()[:SHOWN]
    request.session[NOTICES_SEEN] = max((each.pk for each in shown), default=0)
    return render(request, "system/notices.html", {"form": form, "told": told, "rows": [*map(notice_row, shown)]})


@require_POST
@may("notices.change")
def test(request: OperatorRequest) -> HttpResponse:
    try:
        for channel, error in services.send_test(actor=request.user).items():
            if error:
                messages.error(request, _("%(channel)s: %(error)s") % {"channel": channel, "error": error})
            else:
                messages.success(request, _("%s: sent.") % channel)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("system:notices")


@require_POST
@may("account.own")
def ask(request: OperatorRequest) -> HttpResponse:
    """Of who was refused: a request to those who may (appliance/gate.py offers it)."""
    page = request.POST.get("page", "/")
    try:
        people = services.send_request(
            actor=request.user, permission=request.POST.get("permission", ""), page=page,
            origin=request.build_absolute_uri("/").rstrip("/"), reason=request.POST.get("reason", ""),
        )  # fmt: skip
        messages.success(request, _("Your request is sent: it stands at the bell of %s.") % ", ".join(people))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    if request.htmx:
        return render(request, "ui/_messages.html")
    return redirect("ui:overview")
