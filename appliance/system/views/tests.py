# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of tests and captures: a form, and the results as they come."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from appliance.audit.services import record_download
from appliance.kernel import told
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.system import services
from appliance.system.columns import test_sentence
from appliance.system.forms import TestForm
from appliance.ui.requests import OperatorRequest, may


@may("diagnose.run")
def tests(request: OperatorRequest) -> HttpResponse:
    initial = {name: request.GET[name] for name in ("kind", "host", "port", "transport", "call") if name in request.GET}
    if "host" in initial:
        initial["host"] = _host(initial["host"])
    form = TestForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST":
        jobs: list[str] = []
        try:
            if form.accepted(lambda values: jobs.append(services.start_test(actor=request.user, **values))):
                return redirect("system:tests_results", job=jobs[0])
        except NetadminUnavailable as error:
            context["unavailable"] = str(error)
    return render(request, "system/tests.html", context)


@may("diagnose.run")
def results(request: OperatorRequest, job: str) -> HttpResponse:
    context: dict[str, Any] = {"job": job, "form": TestForm()}
    try:
        heard = told.told(job)
    except NetadminUnavailable as error:
        context["unavailable"] = str(error)
    else:
        context |= {
            "lines": [(each["mark"], test_sentence(each), each["ms"]) for each in heard.results],
            "ended": heard.ended,
            "captured": any(each["code"] == "captured" for each in heard.results),
        }
    return render(request, "system/_test.html" if request.htmx else "system/tests.html", context)


@may("diagnose.run")
def capture(request: OperatorRequest, job: str) -> HttpResponse:
    """What is not there any more, or cannot be had now, leads back to its results."""
    try:
        content = told.captured(job)
    except NetadminUnavailable:
        content = None
    if content is None:
        messages.warning(request, _("This capture is not kept any more."))
        return redirect("system:tests_results", job=job)
    record_download(actor=request.user, what=f"capture of headers {job}")
    return HttpResponse(
        content, content_type="application/vnd.tcpdump.pcap",
        headers={"Content-Disposition": f'attachment; filename="headers-{job}.pcap"'},
    )  # fmt: skip


def _host(text: str) -> str:
    """Of `192.168.0.10:5060` or `[fd00:a::10]:5060`, as rows of calls have it; anything else as it is."""
    host, _colon, port = text.rpartition(":")
    return host.strip("[]") if port.isdecimal() and (host.endswith("]") or ":" not in host) and host else text
