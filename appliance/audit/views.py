# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the audit log, and taking it away."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from appliance.audit import queries, services
from appliance.audit.columns import rows
from appliance.audit.forms import EntryFilter
from appliance.ui.requests import OperatorRequest, may

ENTRIES_A_PAGE: Final = 100


@may("audit.see")
def log(request: OperatorRequest) -> HttpResponse:
    form = EntryFilter(request.GET)
    found = queries.entries(form.cleaned_data) if form.is_valid() else queries.entries().none()
    page = Paginator(found, ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    asked = urlencode({name: value for name, value in request.GET.items() if name in form.fields and value})
    return render(
        request, "audit/log.html", {"form": form, "page": page, "rows": rows(page.object_list), "asked": asked}
    )


@may("audit.export")
def export(request: OperatorRequest) -> StreamingHttpResponse:
    """What the filter shows, as CSV; that somebody took it is an entry as well."""
    form = EntryFilter(request.GET)
    found = queries.entries(form.cleaned_data if form.is_valid() else None)
    services.record_download(actor=request.user, what="audit log")
    answer = StreamingHttpResponse(queries.csv_lines(found.iterator()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


@may("audit.see")
def check(request: OperatorRequest) -> HttpResponse:
    """Whether the log holds, now."""
    return render(request, "audit/_check.html", {"broken": services.verify() or services.verify_copy()})
