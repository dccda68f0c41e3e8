# SPDX-License-Identifier: GPL-2.0-or-later
"""The live pages. Their rows come over the WebSocket; a page brings the columns and the words."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.accounts.queries import permits
from appliance.audit.services import record_list
from appliance.firewall import queries as firewall
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.control import EngineUnavailable
from appliance.sip import queries, services
from appliance.sip.columns import CALLS, CLOSED, PINHOLES, PINHOLES_TO_READ, REGISTRATIONS
from appliance.ui.requests import OperatorRequest, may
from sipalg_core.contract import names

BANS_SHOWN: Final = 500


@may("calls.see")
def calls(request: OperatorRequest) -> HttpResponse:
    record_list(actor=request.user, what="live calls")
    context = {"table": CALLS, "exempt": firewall.exempt(names.NODE)}
    return render(request, "sip/calls.html", context | _quiet())


@may("calls.see")
def quiet(request: OperatorRequest) -> HttpResponse:
    """What the page of calls says while there are none; asked for again when the engine's state is another."""
    return render(request, "sip/_no_calls.html", _quiet())


def _quiet() -> dict[str, object]:
    return {"telephony": queries.telephony(), "last": queries.last_call()}


@may("calls.see")
def registrations(request: OperatorRequest) -> HttpResponse:
    context = {"table": REGISTRATIONS, "awaited": queries.awaited(), "tried": queries.tried()}
    return render(request, "sip/registrations.html", context)


@may("calls.see")
def pinholes(request: OperatorRequest) -> HttpResponse:
    table = PINHOLES if permits(request.user, "pinholes.close") else PINHOLES_TO_READ
    return render(request, "sip/pinholes.html", {"table": table, "closed": CLOSED})


@require_POST
@may("pinholes.close")
def close_pinhole(request: OperatorRequest, pinhole_id: str) -> HttpResponse:
    """The live table shows that it is gone; one that is gone already needs no words either."""
    with suppress(ValidationError):
        services.close_pinhole(actor=request.user, pinhole=pinhole_id)
    return HttpResponse(status=204)


@require_POST
@may("engine.start")
def start_engine(request: OperatorRequest) -> HttpResponse:
    """Asked for from the banner of any page, which goes by itself when the engine is back; words come in its place."""
    said = ""
    try:
        services.start_engine(actor=request.user)
    except ValidationError as error:
        said = " ".join(error.messages)
    except NetadminUnavailable as error:
        said = str(error)
    if request.htmx:
        return HttpResponse(escape(said or _("It is being started…")))
    if said:
        messages.warning(request, said)
    return redirect("sip:calls")


@may("calls.see")
def bans(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/bans.html", _banned())


@require_POST
@may("bans.lift")
def lift_ban(request: OperatorRequest) -> HttpResponse:
    try:
        services.lift_ban(actor=request.user, host=request.POST.get("host", ""))
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    except EngineUnavailable as error:
        messages.error(request, str(error))
    return redirect("sip:bans")


def _banned() -> dict[str, object]:
    try:
        rows = queries.bans()
    except EngineUnavailable as error:
        return {"unavailable": str(error)}
    return {"rows": rows[:BANS_SHOWN], "count": len(rows)}
