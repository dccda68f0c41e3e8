# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asks: the typed request of a signed-in operator, and the word for what a view or an API operation lets one do."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

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


def may(permission: str, **by_method: str) -> Callable[[View], View]:
    """Name what the view or API operation lets one do; `by_method` where a method is another matter (`POST=…`).

    It only names: `appliance.gate` asks, and refuses what has no name. Below the router's decorator, above nothing.
    """
    named = {"": permission} | by_method
    unknown = set(named.values()) - set(PERMISSIONS) - {ANYBODY}
    if unknown:
        raise ValueError(f"no such permission: {', '.join(sorted(unknown))}; see appliance/permissions.py")

    def name(view: View) -> View:
        vars(view)["permissions"] = named
        decorate_view(_noting(permission))(view)
        return view

    return name


def anybody(view: Callable[..., Any]) -> Callable[..., Any]:
    """For views that need no account, those of others too."""

    @wraps(view)
    def named(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return may(ANYBODY)(named)


def permission_of(view: Callable[..., Any], method: str) -> str | None:
    named: dict[str, str] = getattr(view, "permissions", {})
    return named.get("GET" if method == "HEAD" else method, named.get(""))


def _noting(permission: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Around an API operation: the word is at the request before the operation looks at who asks."""

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def noted(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            cast(Any, request).permission = permission
            return run(request, *args, **kwargs)

        return noted

    return decorate
