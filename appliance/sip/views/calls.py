# SPDX-License-Identifier: GPL-2.0-or-later
"""One call: its page, its messages before and after the ALG, and closing an opening."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from appliance.audit.services import record_view
from appliance.kernel import call_figures
from appliance.sip import queries
from appliance.sip.columns import RULES, ladder_config
from appliance.sip.models import CallRecord
from appliance.ui.requests import OperatorRequest, may
from sipalg_core.contract.events import CALL_TOPIC

CALLS_MEASURED: Final = 300
"""Of so many is said at once: more rows than the page of a long list holds (static/js/window.js)."""


@may("calls.trace")
def call(request: OperatorRequest, call_id: str) -> HttpResponse:
    """Live while the engine knows it; afterwards what the history kept."""
    seen = queries.call_seen(call_id)
    record = CallRecord.objects.filter(ident=call_id).first()
    if seen is None and record is None:
        raise Http404
    record_view(actor=request.user, what=f"call {call_id}")
    context = {
        "call_id": call_id,
        "topic": f"{CALL_TOPIC}{call_id}",
        "seen": seen,
        "call": seen.call if seen else None,
        "record": record,
        "bars": queries.kept_media(record) if record and seen is None else [],
        "config": ladder_config(),
        "rows": [*([seen.call] if seen.call else []), *seen.messages, *seen.streams] if seen else [],
    }
    return render(request, "sip/call.html", context)


@may("calls.see")
def figures(request: OperatorRequest, call_id: str) -> HttpResponse:
    """Loss and jitter as last measured; the page asks again and again."""
    known = call_figures.of(call_id)
    told = [(direction, known[direction]) for direction in ("out", "in") if direction in known]
    return render(request, "sip/_figures.html", {"call_id": call_id, "figures": told, "told": True})


@may("calls.see")
def measured(request: OperatorRequest) -> JsonResponse:
    """The same of the calls that stand in a list, which asks again and again (static/js/figures.js)."""
    return JsonResponse(call_figures.of_several(request.GET.getlist("call")[:CALLS_MEASURED]))


@may("calls.trace")
def message(request: OperatorRequest, call_id: str, message_id: str) -> HttpResponse:
    """For the side panel."""
    record_view(actor=request.user, what=f"call {call_id}")
    rows = queries.messages(call_id)
    at = next((at for at, row in enumerate(rows) if row["id"] == message_id), None)
    if at is None:
        raise Http404
    row = rows[at]
    context = {
        "call_id": call_id,
        "message": row,
        "lines": queries.compared(row),
        "changes": [(number, edit, _rule(edit["reason"])) for number, edit in enumerate(row["edits"], 1)],
        "previous": rows[at - 1]["id"] if at else "",
        "next": rows[at + 1]["id"] if at + 1 < len(rows) else "",
        "place": at + 1,
        "count": len(rows),
    }
    return render(request, "sip/_message.html", context)


def _rule(reason: str) -> Any:
    return RULES.get(reason, reason)
