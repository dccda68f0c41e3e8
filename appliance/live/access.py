# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may open a WebSocket: a program with a bearer token, or a browser's session coming from our own pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import parse_cookie

from appliance.accounts.models import User
from appliance.accounts.queries import in_place, user_for_session, user_for_token

Application = Any  # the ASGI packages do not agree on one type
Identify = Callable[[], Awaitable[User | None]]


class LiveAccess:
    """Puts `identify` into the scope: who that is *now*, so that a sign-out can end an open socket.

    A browser sends cookies from any page, so the origin must be one of ours in full (scheme, host, port); a token is
    sent by nobody unasked and needs no origin.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        source = (scope.get("client") or ("",))[0]
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "bearer":
            await self._application(scope | {"identify": _by_token(token.strip(), source)}, receive, send)
            return
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
        session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
        if headers.get(b"origin", b"").decode("latin-1") in settings.CONSOLE_ORIGINS:
            await self._application(scope | {"identify": _by_session(session_key, source)}, receive, send)
        else:
            await send({"type": "websocket.close"})  # channels' OriginValidator would need Redis to say so


def _by_token(token: str, source: str) -> Identify:
    return database_sync_to_async(lambda: _in_place(user_for_token(token), source))


def _by_session(session_key: str, source: str) -> Identify:
    return database_sync_to_async(lambda: _in_place(user_for_session(session_key), source))


def _in_place(user: User | None, source: str) -> User | None:
    return user if user is not None and in_place(user, source) else None
