# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to sessions: where somebody is signed in, and ending that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from appliance.accounts.models import SignedIn, User
from appliance.accounts.queries import BEGAN
from appliance.accounts.services.secrets import set_password
from appliance.audit.services import record


@transaction.atomic
def signed_in(*, user: User, request: HttpRequest) -> None:
    """Note it at the session and in the list; called for every way in (accounts.apps)."""
    request.session[BEGAN] = timezone.now().timestamp()
    if request.session.session_key is None:
        request.session.create()
    SignedIn.objects.exclude(session__in=Session.objects.values("session_key")).delete()
    SignedIn.objects.update_or_create(
        session=request.session.session_key,
        defaults={
            "user": user,
            "source": request.META.get("REMOTE_ADDR", ""),
            "agent": request.META.get("HTTP_USER_AGENT", "")[:200],
        },
    )
    record(actor=user, verb="sign_in", target=user, source=request.META.get("REMOTE_ADDR", ""))


def seen(*, session_key: str) -> None:
    SignedIn.objects.filter(session=session_key).update(seen=timezone.now())


@transaction.atomic
def set_own_password(*, request: HttpRequest, user: User, password: str) -> None:
    """A new password ends all his sessions but this one.

    Its key stays, and both hashes change in one commit: the page asks for its state meanwhile, and an answer to a
    session that is gone would take the browser's cookie away.
    """
    set_password(actor=user, user=user, password=password)
    request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    request.session.save()


@transaction.atomic
def end_sessions(*, actor: User | str, user: User, chosen: Iterable[SignedIn] | None = None, reason: str = "") -> int:
    """At once; open WebSockets follow within seconds. All of the user's, or those chosen of them."""
    keys = [each.session for each in (user.signed_in.all() if chosen is None else chosen) if each.user_id == user.pk]
    ended = Session.objects.filter(session_key__in=keys).delete()[0]
    SignedIn.objects.filter(session__in=keys).delete()
    if keys:
        record(actor=actor, verb="end sessions", target=user, after={"sessions": len(keys)}, reason=reason)
    return ended


def signed_out(*, user: User | None, request: Any) -> None:
    SignedIn.objects.filter(session=request.session.session_key or "").delete()
    if user is not None:
        with transaction.atomic():
            record(actor=user, verb="sign_out", target=user, source=request.META.get("REMOTE_ADDR", ""))
