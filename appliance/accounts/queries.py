# SPDX-License-Identifier: GPL-2.0-or-later
"""Who stands behind a token or a session, what he may, and how fresh the proof is that it is he."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import (
    ApiToken,
    FactorDemand,
    Grant,
    MaintenanceWindow,
    SignedIn,
    User,
    secret_hash,
    within,
)
from appliance.permissions import GRANTABLE, PERMISSIONS, WITHHELD, Role, Scope, allows

LAST_USED_STEP: Final = timedelta(minutes=1)
"""A poller must not turn every read into a write."""

PEOPLE_NAMED: Final = 3
"""In a refusal, as those to ask."""

BEGAN: Final = "pinhole_began"
"""Of a session: when somebody signed in (Unix seconds). When he last did something stands at its `SignedIn`: a session
is saved as a whole, so two requests that both wrote to it would take back what the other wrote."""
LONGEST_SESSION: Final = 8 * 3600.0
LONGEST_IDLE: Final = 15 * 60.0
"""Seconds; afterwards one may look, and must prove again who one is before one changes something."""
DEMANDED_OF: Final = (Role.OWNER, Role.ADMINISTRATOR)
"""Of whom the owner can demand a second factor; vendor support never comes in without."""
FRESH: Final = 10 * 60.0
"""Seconds for which a proof is fresh enough for a risky act."""


def user_for_token(text: str) -> User | None:
    """Return the active user of a valid token, and note its use."""
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires=None) | Q(expires__gt=now), hash=secret_hash(text), user__is_active=True)
        .first()
    )
    if token is None or not token.user.works:
        return None
    if token.last_used is None or now - token.last_used > LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)
    token.user.token, token.user.came_in = token, token.created.timestamp()
    return token.user


def user_for_session(session_key: str) -> User | None:
    """Return who is signed in under this key now; a sign-out or a new password ends it at once."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if isinstance(user, User):
        user.came_in = began(request.session)
    return user if isinstance(user, User) and user.works and not outlived(request.session) else None


def began(session: Any) -> float:
    """When somebody signed in there, or proved again who he is to stay longer than eight hours (Unix seconds)."""
    signed_in = float(session.get(BEGAN, 0.0))
    stays_on = signed_in and time.time() - signed_in > LONGEST_SESSION
    return ends(session) - LONGEST_SESSION if stays_on else signed_in


def ends(session: Any) -> float:
    """When it ends (Unix seconds): eight hours after he last proved who he is."""
    proofs = (each["at"] for each in session.get(AUTHENTICATION_METHODS_SESSION_KEY, ()))
    return float(max((session.get(BEGAN, time.time()), *proofs)) + LONGEST_SESSION)


def outlived(session: Any) -> bool:
    """Whether its eight hours are over."""
    return time.time() > ends(session)


def idle(session: Any) -> bool:
    """Whether nobody has done anything for so long that a change needs a fresh proof."""
    return quiet_for(session) > LONGEST_IDLE


def quiet_for(session: Any) -> float:
    """Seconds since a person last did something in this browser."""
    seen = SignedIn.objects.filter(session=session.session_key or "").values_list("seen", flat=True).first()
    return time.time() - (seen.timestamp() if seen else session.get(BEGAN, time.time()))


def proven(request: HttpRequest, *, second_factor: bool = False, for_seconds: float = FRESH) -> bool:
    """Whether he proved in this session, not long ago, that it is he; by a second factor where that is asked for."""
    if not isinstance(request.user, User):
        return False
    if not second_factor and time.time() - request.session.get(BEGAN, 0) < for_seconds:
        return True
    records = get_authentication_records(request, request.user)
    return any(
        time.time() - each["at"] < for_seconds and (not second_factor or each["method"] == "mfa") for each in records
    )


def lacks_proof(user: User) -> str:
    """Why he cannot prove again who he is, in words; "" where he can."""
    if has_second_factor(user) or user.has_usable_password():
        return ""
    return _("This needs a fresh proof of who you are. Your account has no password: sign in with a new link.")


def has_second_factor(user: User) -> bool:
    types = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return bool(Authenticator.objects.filter(user=user, type__in=types).exists())


def has_factor(user: User, *kinds: str) -> bool:
    """Whether he has one of these kinds (totp, webauthn, recovery_codes)."""
    return bool(Authenticator.objects.filter(user=user, type__in=kinds).exists())


def should_have_second_factor(user: User) -> bool:
    """Owners and administrators are reminded, support cannot come in without."""
    return user.role in (*DEMANDED_OF, Role.SUPPORT) and not has_second_factor(user)


def factor_demanded() -> datetime | None:
    """Since when owners and administrators must have a second factor; None: nobody demands it."""
    demand = FactorDemand.objects.first()
    return demand.since if demand else None


def lacks_factor(user: User) -> bool:
    """Whether he can do nothing before he has a second factor: support always, others where the owner demands it.

    What was begun before that was demanded goes on: a session for its hours, a program with its token.
    """
    if user.role in DEMANDED_OF:
        since = factor_demanded()
        if since is None or user.came_in is None or user.came_in < since.timestamp():
            return False
    elif user.role != Role.SUPPORT:
        return False
    return not has_second_factor(user)


def without_factor() -> list[str]:
    """Names of those of whom a second factor is, or would be, demanded, and who have none."""
    people = User.objects.filter(role__in=DEMANDED_OF, is_active=True).order_by("username")
    return [user.username for user in people if not has_second_factor(user)]


def signed_in(user: User) -> QuerySet[SignedIn]:
    """His browsers, those seen last first."""
    return SignedIn.objects.filter(user=user, session__in=Session.objects.values("session_key"))


def permits(user: User, permission: str) -> bool:
    """Through the role that he has now, and at most what the token in use was made for."""
    roles = [Role(user.role)] + ([Role(user.token.role)] if user.token and user.token.role else [])
    scope = support_scope() if Role.SUPPORT in roles else None
    granted = grants() if permission in GRANTABLE else {}
    return user.works and all(
        granted.get((role, permission), True) and allows(permission, role, scope) for role in roles
    )  # fmt: skip


def grants() -> Mapping[tuple[str, str], bool]:
    """What the owner decided, and what he has not decided yet where that is a no."""
    decided = {(each.role, each.permission): each.allowed for each in Grant.objects.all()}
    return dict.fromkeys(WITHHELD, False) | decided


def who_may(permission: str) -> list[str]:
    """Names of people whom one could ask; vendor support is not among them."""
    able = User.objects.filter(is_active=True, role__in=PERMISSIONS[permission].roles).order_by("username")
    return list(able.values_list("username", flat=True)[:PEOPLE_NAMED])


# --- Remote maintenance ---


def open_window() -> MaintenanceWindow | None:
    """The one that lets vendor support in now. A reboot does not renew it."""
    now = timezone.now()
    return MaintenanceWindow.objects.filter(ended=None, ends__gt=now, boot=boot_id()).first()


def support_scope() -> Scope | None:
    """How far vendor support may go now; None: it may not even come in."""
    window = open_window()
    return Scope(window.scope) if window else None


def in_place(user: User, source: str) -> bool:
    """Whether the user comes from where he may: a pass from its own place, support from the support company's."""
    if not user.comes_from_its_place(source):
        return False
    window = open_window() if user.role == Role.SUPPORT else None
    return user.role != Role.SUPPORT or (window is not None and within(window.sources, source))


def support_accounts() -> QuerySet[User]:
    return User.objects.filter(role=Role.SUPPORT).order_by("username")


def boot_id() -> str:
    """Of this start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
