# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asks: the typed request of a signed-in operator, and the decorator that lets nobody else in."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails

from appliance.accounts.models import User
from appliance.ruleset.verify import Access

P = ParamSpec("P")


class OperatorRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def access(request: HttpRequest) -> Access | None:
    """By which way the request came, to be kept open; None where that was no network."""
    address = request.META.get("REMOTE_ADDR")
    return Access(address, int(request.get_port()), time.time()) if address else None


def operator_required(
    view: Callable[Concatenate[OperatorRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Send others to the sign-in page, as a whole and not into a fragment of it.

    A fragment that only refreshes itself leaves the page as it is: static/js/app.js then says what happened.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        asked = cast(OperatorRequest, request)
        if asked.user.is_authenticated:
            return view(asked, *args, **kwargs)
        if asked.htmx and request.method == "GET":
            return trigger_client_event(HttpResponse(status=204), "signed-out")
        if asked.htmx:
            page = urlsplit(asked.htmx.current_url or "/").path
            return HttpResponseClientRedirect(redirect_to_login(page).url)
        return redirect_to_login(request.get_full_path())

    return guarded
