# SPDX-License-Identifier: GPL-2.0-or-later
"""Who comes in where: asks the table of permissions for every page, API operation and live topic, and refuses in words.

What names no permission nobody gets: a forgotten word closes a door, it never opens one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import is_valid_path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget, trigger_client_event
from django_htmx.middleware import HtmxDetails
from ninja.errors import HttpError

from appliance import veil
from appliance.accounts import queries, services
from appliance.accounts.models import User
from appliance.audit.services import origin
from appliance.permissions import ANYBODY, PERMISSIONS, topic_permission
from appliance.ui.requests import Fresh, permission_of

SAFE: Final = ("GET", "HEAD", "OPTIONS")
MINUTE: Final = 60.0
"""Seconds between two notes that somebody is active: each is a write."""


class PermissionMiddleware:
    """For pages; an API operation is asked about in `admit`, once its token has been read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = origin.set(request.META.get("REMOTE_ADDR", ""))
        try:
            with veil.asked_by(lambda: False):
                response = self.get_response(request)
                return _no_page(request) if response.status_code == 405 and _by_a_person(request) else response
        finally:
            origin.reset(token)

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
        if not _may_stay(request, request.user):
            logout(request)
            return _to_the_door(request)
        if permission is None or not queries.permits(request.user, permission):
            return _refused(request, request.user, permission)
        _lift_veil(request.user)
        return self._wanting(request, request.user, permission, getattr(view, "fresh", False))

    def _wanting(self, request: HttpRequest, user: User, permission: str, fresh: Fresh) -> HttpResponseBase | None:
        """What else is asked of who may: a second factor, a fresh proof, a sign of life."""
        user.came_in = queries.began(request.session)
        if permission != "account.own" and queries.lacks_factor(user):
            return _to_the_factors(request)
        if fresh and not queries.proven(request, second_factor=fresh == "second factor"):
            return _ask_for_proof(request, user, fresh)
        changes = request.method not in SAFE
        if changes and permission != "account.own" and queries.idle(request.session) and not queries.proven(request):
            return _ask_for_proof(request, user, fresh)
        if (changes or not getattr(request, "htmx", None)) and queries.quiet_for(request.session) > MINUTE:
            services.seen(session_key=request.session.session_key or "")
        return None


def admit(request: HttpRequest, user: User) -> User:
    """The user, where he may do what the operation asks for (`ui.requests.may` noted it); raise HttpError otherwise."""
    permission, fresh = getattr(request, "permission", None), getattr(request, "fresh", False)
    if not queries.in_place(user, request.META.get("REMOTE_ADDR", "")) or (
        user.token is None and queries.outlived(request.session)
    ):
        raise HttpError(403, _("Not from this address, or not now."))
    if permission is None or not queries.permits(user, permission):
        raise HttpError(403, refusal(permission))
    if user.token is None:
        user.came_in = queries.began(request.session)
    if queries.lacks_factor(user):
        raise HttpError(403, _("This needs a second factor. Set one up in your account first."))
    idle = user.token is None and request.method not in SAFE and queries.idle(request.session)
    if user.token is not None and fresh == "session":
        fresh = False
    if fresh and user.token is not None:
        raise HttpError(403, _("This needs a fresh proof of who you are: do it in the console."))
    if (fresh or idle) and not queries.proven(request, second_factor=fresh == "second factor"):
        raise HttpError(403, _("This needs a fresh proof of who you are: do it in the console."))
    _lift_veil(user)
    return user


def _lift_veil(user: User) -> None:
    """Numbers are whole for whoever may see them so."""
    veil.know(lambda: queries.permits(user, "calls.numbers"))


def may_watch(user: User, topics: Iterable[str]) -> bool:
    """Whether he may see every one of these live topics now."""
    wanted = {topic_permission(topic) for topic in topics}
    if wanted and queries.lacks_factor(user):
        return False
    return all(permission is not None and queries.permits(user, permission) for permission in wanted)


def refusal(permission: str | None) -> str:
    """In words, with the people who could do it instead."""
    if permission is None:
        return _("Nobody may do this: it names no permission.")
    people, ask = queries.who_may(permission), _("Ask %s or send a request.")
    sentence = str(PERMISSIONS[permission].refusal)
    if not people:
        return sentence
    return f"{sentence} {ask % ', '.join(people)}"


def not_from_here(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  (Django passes it)
    """For a form that no page of ours has sent, or one that is older than the session."""
    text = _("It is too old, or did not come from our pages.")
    if getattr(request, "htmx", None):
        said = {"refusal": " ".join((_("This form was not taken."), text, _("Load the page again.")))}
        return reswap(retarget(render(request, "ui/_refused.html", said, status=403), "#messages"), "outerHTML")
    return render(request, "ui/too_old.html", {"refusal": text, "page": _page_of(request)}, status=403)


def _by_a_person(request: HttpRequest) -> bool:
    """Whether somebody typed the address, or came back to it by the language or by the history of the browser."""
    program = request.resolver_match is not None and request.resolver_match.app_name == "ninja"
    whole = request.method == "GET" and not getattr(request, "htmx", None)
    return whole and not program and "text/html" in request.headers.get("Accept", "")


def _no_page(request: HttpRequest) -> HttpResponse:
    """In place of an empty page: the way to the nearest address above that there is."""
    above = request.path.rstrip("/")
    while above := above.rpartition("/")[0]:
        if is_valid_path(f"{above}/"):
            break
    return render(request, "405.html", {"page": f"{above}/"}, status=405)


def _may_stay(request: HttpRequest, user: User) -> bool:
    """A session ends after its hours, with its account, and where somebody carries it to another place."""
    outlived = queries.outlived(request.session)
    return user.works and not outlived and queries.in_place(user, request.META.get("REMOTE_ADDR", ""))


def _to_the_factors(request: HttpRequest) -> HttpResponseBase:
    """The page as a whole: a fragment that refreshes itself there must not load it behind his back."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    if htmx and request.method == "GET":
        return HttpResponse(status=204)
    messages.info(
        request, _("Your account needs a second factor before you can go on: an app or a passkey. Add one here.")
    )
    return HttpResponseClientRedirect(reverse("mfa_activate_totp")) if htmx else redirect("mfa_activate_totp")


def _ask_for_proof(request: HttpRequest, user: User, fresh: Fresh) -> HttpResponseBase:
    """To the page for that, and back to where he was; what he wanted he asks for again."""
    missing = ""
    if not queries.has_second_factor(user) and fresh == "second factor":
        missing = _("This needs a second factor. Set one up in your account first.")
    else:
        missing = queries.lacks_proof(user)
    if missing:
        messages.error(request, missing)
        account = reverse("accounts:account")
        return HttpResponseClientRedirect(account) if getattr(request, "htmx", None) else redirect(account)
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    page = request.get_full_path() if request.method == "GET" and not htmx else _page_of(request)
    address = f"{reverse('prove')}?{urlencode({'next': page})}"
    messages.info(request, _("Prove again that it is you; then do it once more."))
    return HttpResponseClientRedirect(address) if htmx else redirect(address)


def _page_of(request: HttpRequest) -> str:
    """The page from which this was asked, of our own pages."""
    asked = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "")
    return asked.path if asked.netloc in ("", request.get_host()) and asked.path.startswith("/") else "/"


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
    htmx = getattr(request, "htmx", None)
    may_ask = permission is not None and queries.who_may(permission) and queries.permits(user, "account.own")
    page = request.get_full_path() if request.method == "GET" and not htmx else _page_of(request)
    context = {"refusal": refusal(permission), "ask_for": permission if may_ask else None, "page": page}
    if htmx:
        response = render(request, "ui/_refused.html", context, status=403)
        return reswap(retarget(response, "#messages"), "outerHTML")
    template = "ui/refused.html" if queries.permits(user, "overview.see") else "ui/refused_door.html"
    return render(request, template, context, status=403)
