# SPDX-License-Identifier: GPL-2.0-or-later
"""The live pages. Their rows come over the WebSocket; a page brings the columns and the words."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from appliance.sip.columns import CALLS, PINHOLES, REGISTRATIONS
from appliance.ui.requests import OperatorRequest, operator_required


@operator_required
def calls(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/calls.html", {"table": CALLS})


@operator_required
def registrations(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/registrations.html", {"table": REGISTRATIONS})


@operator_required
def pinholes(request: OperatorRequest) -> HttpResponse:
    return render(request, "sip/pinholes.html", {"table": PINHOLES})
