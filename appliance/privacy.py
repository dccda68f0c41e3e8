# SPDX-License-Identifier: GPL-2.0-or-later
"""What a browser must not keep or send: caching and permissions headers, and the collection of CSP reports."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

log = logging.getLogger(__name__)

LONGEST_REPORT: Final = 16 * 1024

counters: Counter[str] = Counter()
"""Of this web process: `csp_reports`, `csp_reports:oversized`."""


class PrivacyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        if request.user.is_authenticated:
            response.headers["Cache-Control"] = "no-store"
        return response


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Browsers post here what the policy stopped: it is a fault of a page or an attack, and both are worth a line."""
    if int(request.headers.get("Content-Length") or 0) > LONGEST_REPORT:
        counters["csp_reports:oversized"] += 1
        return HttpResponse(status=413)
    counters["csp_reports"] += 1
    log.warning("content security policy violated: %r", request.body[:LONGEST_REPORT])
    return HttpResponse(status=204)
