# SPDX-License-Identifier: GPL-2.0-or-later
"""Who stands behind a token or a session, and what he may."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from appliance.accounts.models import ApiToken, User, secret_hash
from appliance.permissions import PERMISSIONS, Role, Scope, allows

LAST_USED_STEP: Final = timedelta(minutes=1)
"""A poller must not turn every read into a write."""

PEOPLE_NAMED: Final = 3
"""In a refusal, as those to ask."""


def user_for_token(text: str) -> User | None:
    """Return the active user of a valid token, and note its use."""
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires=None) | Q(expires__gt=now), hash=secret_hash(text), user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used is None or now - token.last_used > LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)
    token.user.token = token
    return token.user


def user_for_session(session_key: str) -> User | None:
    """Return who is signed in under this key now; a sign-out or a new password ends it at once."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) else None


def permits(user: User, permission: str) -> bool:
    """Through the role that he has now, and at most what the token in use was made for."""
    roles = [Role(user.role)] + ([Role(user.token.role)] if user.token and user.token.role else [])
    scope = support_scope() if Role.SUPPORT in roles else None
    return user.is_active and all(allows(permission, role, scope) for role in roles)


def who_may(permission: str) -> list[str]:
    """Names of people whom one could ask; vendor support is not among them."""
    able = User.objects.filter(is_active=True, role__in=PERMISSIONS[permission].roles).order_by("username")
    return list(able.values_list("username", flat=True)[:PEOPLE_NAMED])


def support_scope() -> Scope | None:
    """How far vendor support may go now: nowhere, since no maintenance window can be opened yet."""
    return None
