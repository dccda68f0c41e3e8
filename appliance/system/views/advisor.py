# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the advisor: findings with evidence and fixes, those that somebody let be, and the checks there are."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from appliance.advisor.reading import finding as finding_of
from appliance.advisor.reading import read
from appliance.system import services
from appliance.system.forms import IgnoreForm
from appliance.system.models import Ignored
from appliance.ui.requests import OperatorRequest, may


@may("advisor.see")
def advisor(request: OperatorRequest) -> HttpResponse:
    return render(request, "system/advisor.html", {"advised": read(), "show_checks": "checks" in request.GET})


@may("advisor.change")
def ignore(request: OperatorRequest, finding: str) -> HttpResponse:
    form = IgnoreForm(request.POST or None)
    if request.method == "POST" and form.accepted(
        lambda values: services.ignore_finding(actor=request.user, finding=finding, **values)
    ):
        address = reverse("system:advisor")
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    context = {"form": form, "title": _("Ignore this finding"), "back": reverse("system:advisor")}
    return render(request, "ui/_form.html" if request.htmx else "ui/form.html", context)


@require_POST
@may("advisor.change")
def mind(request: OperatorRequest, pk: int) -> HttpResponse:
    services.mind_finding(actor=request.user, ignored=get_object_or_404(Ignored, pk=pk))
    return redirect("system:advisor")


@require_POST
@may("rules.change")
def fix(request: OperatorRequest, finding: str) -> HttpResponse:
    """As a draft; nothing of the running rules changes before it is applied."""
    found = finding_of(finding)
    if found is None:
        raise Http404
    try:
        services.draft_fix(actor=request.user, finding=found)
        messages.success(request, _("The change is a draft now. Review and apply it."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("system:advisor")
