# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the self-test: its button, how far it is, and the report that one sends to a provider's hotline."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from appliance.sip import queries, services
from appliance.sip.columns.selftests import FLOWS, SEEN, report
from appliance.sip.models import SelfTest
from appliance.ui.requests import OperatorRequest, may


@may("diagnose.run")
def selftests(request: OperatorRequest) -> HttpResponse:
    latest, *before = [*queries.selftests(), None]
    context = {"selftest": latest, "before": [each for each in before if each], "flows": FLOWS, "seen": SEEN}
    return render(request, "sip/selftests.html", context)


@require_POST
@may("diagnose.run")
def start_selftest(request: OperatorRequest) -> HttpResponse:
    try:
        services.request_selftest(actor=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("sip:selftests")


@may("diagnose.run")
def selftest(request: OperatorRequest, pk: int) -> HttpResponse:
    """One run; while it goes on, the page asks for this part again and again."""
    found = get_object_or_404(SelfTest, pk=pk)
    template = "sip/_selftest.html" if request.htmx else "sip/selftest.html"
    return render(request, template, {"selftest": found, "flows": FLOWS, "seen": SEEN})


@may("diagnose.run")
def selftest_report(_request: OperatorRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(SelfTest, pk=pk)
    return HttpResponse(
        report(found),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="selftest-{found.asked:%Y%m%d-%H%M}.txt"'},
    )
