# SPDX-License-Identifier: GPL-2.0-or-later
"""The history of calls: search, table, CSV, and what is kept."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from appliance import veil
from appliance.audit.services import record_download, record_list
from appliance.sip import queries, services
from appliance.sip.columns import CALL_STATE, said
from appliance.sip.exports.table import csv_lines
from appliance.sip.forms import HistorySearch, HistorySettingsForm
from appliance.ui.requests import OperatorRequest, may

CALLS_ON_A_PAGE: Final = 100
MOST_EXPORTED: Final = 50_000


@may("calls.see")
def history(request: OperatorRequest) -> HttpResponse:
    record_list(actor=request.user, what="call history")
    form = HistorySearch(request.GET)
    pages = Paginator(_found(form), CALLS_ON_A_PAGE)
    context = {
        "form": form,
        "page": pages.get_page(request.GET.get("page")),
        "settings": queries.history_settings(),
        "states": CALL_STATE,
        "asked": _asked(request),
    }
    return render(request, "sip/_history.html" if request.htmx else "sip/history.html", context)


@may("calls.export")
def history_csv(request: OperatorRequest) -> HttpResponseBase:
    """What the same search finds, as a table for a spreadsheet. Times are UTC."""
    record_download(actor=request.user, what="call history")
    head = [
        "began", "answered", "ended", "direction", "from", "to", "phone", "provider", "result", "ending", "verdict",
        "codec", "packets_out", "packets_in", "call_id",
    ]  # fmt: skip
    rows = (
        [
            record.since.isoformat(), record.answered and record.answered.isoformat(), record.ended.isoformat(),
            record.direction, record.from_number, record.to_number, record.internal, record.provider, record.state,
            said(record.ending), said(record.verdict), record.codec, record.packets_out, record.packets_in,
            record.call_id,
        ]
        for record in _found(HistorySearch(request.GET))[:MOST_EXPORTED].iterator()
    )  # fmt: skip
    return StreamingHttpResponse(
        csv_lines(head, veil.kept(rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="calls.csv"'},
    )


@may("calls.see", POST="alg.change")
def history_settings(request: OperatorRequest) -> HttpResponse:
    kept = queries.history_settings()
    initial = {"retention_days": kept.retention_days, "masking": kept.masking}
    form = HistorySettingsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.accepted(lambda values: services.update_history(actor=request.user, **values)):
        messages.success(request, _("Saved."))
        return redirect("sip:history")
    return render(request, "sip/history_settings.html", {"form": form})


def _found(form: HistorySearch) -> Any:
    if not form.is_valid():
        return queries.records().none()
    values = form.cleaned_data
    days = int(values["days"]) if values["days"] else None
    return queries.records(text=values["q"], state=values["state"], days=days, faults=values["faults"])


def _asked(request: OperatorRequest) -> str:
    """The search without the page, for links to other pages of it."""
    asked = request.GET.copy()
    asked.pop("page", None)
    return asked.urlencode()
