# SPDX-License-Identifier: GPL-2.0-or-later
"""Who comes in where: asks the table of permissions for every page, API operation and live topic, and refuses in words.

What names no permission nobody gets: a forgotten word closes a door, it never opens one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget, trigger_client_event
from django_htmx.middleware import HtmxDetails
from ninja.errors import HttpError

from appliance.accounts import queries
from appliance.accounts.models import User
from appliance.permissions import ANYBODY, PERMISSIONS, topic_permission
from appliance.ui.requests import permission_of


class PermissionMiddleware:
    """For pages; an API operation is asked about in `admit`, once its token has been read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        if request.resolver_match is not None and request.resolver_match.app_name == "ninja":
            return None
        permission = permission_of(view, request.method or "GET")
        if permission == ANYBODY:
            return None
        if not isinstance(request.user, User):
            return _to_the_door(request)
        if permission is not None and queries.permits(request.user, permission):
            return None
        return _refused(request, request.user, permission)


def admit(request: HttpRequest, user: User) -> User:
    """The user, where he may do what the operation asks for (`ui.requests.may` noted it); raise HttpError otherwise."""
    permission = getattr(request, "permission", None)
    if permission is None or not queries.permits(user, permission):
        raise HttpError(403, refusal(permission))
    return user


def may_watch(user: User, topics: Iterable[str]) -> bool:
    """Whether he may see every one of these live topics now."""
    wanted = {topic_permission(topic) for topic in topics}
    return all(permission is not None and queries.permits(user, permission) for permission in wanted)


def refusal(permission: str | None) -> str:
    """In words, with the people who could do it instead."""
    if permission is None:
        return _("Nobody may do this: it names no permission.")
    people = queries.who_may(permission)
    sentence = str(PERMISSIONS[permission].refusal)
    return f"{sentence} {_('Ask %s.') % ', '.join(people)}" if people else sentence


def _to_the_door(request: HttpRequest) -> HttpResponseBase:
    """To the sign-in page as a whole and not into a fragment of it.

    A fragment that only refreshes itself leaves the page as it is: static/js/app.js then says what happened.
    """
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    response: HttpResponseBase
    if htmx and request.method == "GET":
        response = trigger_client_event(HttpResponse(status=204), "signed-out")
    elif htmx:
        response = HttpResponseClientRedirect(redirect_to_login(urlsplit(htmx.current_url or "/").path).url)
    else:
        response = redirect_to_login(request.get_full_path())
    add_never_cache_headers(response)
    return response


def _refused(request: HttpRequest, user: User, permission: str | None) -> HttpResponse:
    context = {"refusal": refusal(permission)}
    if getattr(request, "htmx", None):
        response = render(request, "ui/_refused.html", context, status=403)
        return reswap(retarget(response, "#messages"), "outerHTML")
    template = "ui/refused.html" if queries.permits(user, "overview.see") else "ui/refused_door.html"
    return render(request, template, context, status=403)
