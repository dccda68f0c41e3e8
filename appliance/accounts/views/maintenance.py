# SPDX-License-Identifier: GPL-2.0-or-later
"""Remote maintenance: letting support in, watching, ending, the report; and what could get in at all."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance import exposure as seen
from appliance.accounts import queries, services
from appliance.accounts.forms import MaintenanceForm
from appliance.accounts.models import MaintenanceWindow
from appliance.audit.columns import rows
from appliance.firewall.models import Activation
from appliance.ui.requests import OperatorRequest, may

SHOWN: Final = 50


@may("maintenance.see")
def maintenance(request: OperatorRequest) -> HttpResponse:
    window = queries.open_window()
    past = MaintenanceWindow.objects.exclude(pk=window.pk if window else 0)[:SHOWN]
    context = {"window": window, "past": past, "support": queries.support_accounts()}
    return render(request, "accounts/maintenance.html", context | (_watched(window) if window else {}))


@may("maintenance.start", fresh="second factor")
def start(request: OperatorRequest) -> HttpResponse:
    form = MaintenanceForm(request.POST or None)
    if request.method == "POST" and form.accepted(
        lambda values: services.open_window(actor=request.user, **values)
    ):  # fmt: skip
        return redirect("accounts:maintenance")
    return render(request, "accounts/maintenance_start.html", {"form": form, "support": queries.support_accounts()})


@require_POST
@may("maintenance.start")
def end(request: OperatorRequest, pk: int) -> HttpResponse:
    """No proof is asked for: who wants to end it must not be held up."""
    window = get_object_or_404(MaintenanceWindow, pk=pk)
    try:
        services.close_window(actor=request.user, window=window)
        messages.success(request, _("Remote maintenance has ended. Connections and sessions of support are cut."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("accounts:maintenance_report", pk=pk)


@may("maintenance.see")
def watch(request: OperatorRequest, pk: int) -> HttpResponse:
    """What support has done so far, anew every other second."""
    return render(request, "accounts/_support_acts.html", _watched(get_object_or_404(MaintenanceWindow, pk=pk)))


@may("maintenance.see")
def report(request: OperatorRequest, pk: int) -> HttpResponse:
    window = get_object_or_404(MaintenanceWindow, pk=pk)
    context = {"changes": seen.window_changes(window)} | _watched(window)
    return render(request, "accounts/maintenance_report.html", context)


@require_POST
@may("changes.apply")
def take_back(request: OperatorRequest, pk: int) -> HttpResponse:
    services.take_back(actor=request.user, window=get_object_or_404(MaintenanceWindow, pk=pk))
    messages.success(request, _("The draft is what it was before remote maintenance. Review and apply it."))
    return redirect("system:changes_review")


@may("exposure.see")
def exposure(request: OperatorRequest) -> HttpResponse:
    return render(request, "accounts/exposure.html", seen.look())


def _watched(window: MaintenanceWindow) -> dict[str, Any]:
    activation = Activation.objects.filter(pk=window.activation or 0).first()
    return {"window": window, "acts": rows(seen.support_acts(window)), "activation": activation}
