# SPDX-License-Identifier: GPL-2.0-or-later
"""The live pages. Their rows come over the WebSocket; a page brings the columns and the words."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from appliance.sip.columns import CALLS, PINHOLES, REGISTRATIONS
from appliance.ui.requests import OperatorRequest, may


@may("calls.see")
def calls(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/calls.html", {"table": CALLS})


@may("calls.see")
def registrations(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/registrations.html", {"table": REGISTRATIONS})


@may("calls.see")
def pinholes(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/pinholes.html", {"table": PINHOLES})
