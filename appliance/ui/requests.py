# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asks: the typed request of a signed-in operator, and the word for what a view or an API operation lets one do."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from ninja.decorators import decorate_view

from appliance.accounts.models import User
from appliance.permissions import ANYBODY, PERMISSIONS
from appliance.ruleset.verify import Access

View = TypeVar("View", bound=Callable[..., Any])


class OperatorRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def access(request: HttpRequest) -> Access | None:
    """By which way the request came, to be kept open; None where that was no network."""
    address = request.META.get("REMOTE_ADDR")
    return Access(address, int(request.get_port()), time.time()) if address else None


Fresh = Literal[False, True, "second factor", "session"]


def may(permission: str, *, fresh: Fresh = False, **by_method: str) -> Callable[[View], View]:
    """Name what the view or API operation lets one do; `by_method` where a method is another matter (`POST=…`).

    It only names: `appliance.gate` asks, and refuses what has no name. Below the router's decorator, above nothing.
    `fresh` is for risky acts: a proof of who it is, given in the last minutes. A token can give none; where programs
    do it as well (`session`), people alone are asked.
    """
    words = {"": permission} | by_method
    unknown = set(words.values()) - set(PERMISSIONS) - {ANYBODY}
    if unknown:
        raise ValueError(f"no such permission: {', '.join(sorted(unknown))}; see appliance/permissions.py")

    def name(view: View) -> View:
        vars(view)["permissions"] = words
        vars(view)["fresh"] = fresh
        decorate_view(_noting(permission, fresh))(view)
        return view

    return name


def named(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view of others, as one of our own that can be given a name."""

    @wraps(view)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return ours


def anybody(view: Callable[..., Any]) -> Callable[..., Any]:
    """For views that need no account, those of others too."""
    return may(ANYBODY)(named(view))


UNDO: Final = "undo"
"""Of a session: what the last act would need to be taken back (firewall.services.undo), and until when."""
UNDO_SECONDS: Final = 30.0
"""Longer than the offer is seen, ten seconds (static/css/content.css): a page under load may come late."""

NOTICES_SEEN: Final = "notices_seen"
"""Of a session: the key of the last notice that was there when its page was looked at."""


def undo_offer(request: HttpRequest) -> dict[str, Any] | None:
    """What may still be taken back."""
    offer: dict[str, Any] | None = request.session.get(UNDO)
    return offer if offer is not None and offer["until"] > time.time() else None


def offer_undo(request: HttpRequest, offer: dict[str, Any]) -> None:
    """In place of what was offered before."""
    request.session[UNDO] = offer | {"until": time.time() + UNDO_SECONDS}


def permission_of(view: Callable[..., Any], method: str) -> str | None:
    words: dict[str, str] = getattr(view, "permissions", {})
    return words.get("GET" if method == "HEAD" else method, words.get(""))


def _noting(permission: str, fresh: Fresh) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Around an API operation: the word is at the request before the operation looks at who asks."""

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def noted(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            cast(Any, request).permission, cast(Any, request).fresh = permission, fresh
            return run(request, *args, **kwargs)

        return noted

    return decorate
