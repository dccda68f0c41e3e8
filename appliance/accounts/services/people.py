# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to people: accounts and their roles, passes that end by themselves, lost second factors, grants."""

from __future__ import annotations

import ipaddress
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import FactorDemand, Grant, SignInLink, User, secret_hash
from appliance.accounts.services.sessions import end_sessions
from appliance.audit.services import record
from appliance.permissions import GRANTABLE, Role

INVITATION: Final = timedelta(days=7)
"""How long the link to a new account works."""
SHORTEST_PASS: Final = timedelta(hours=1)
LONGEST_PASS: Final = timedelta(days=7)


class Invitation(NamedTuple):
    """`link` and `code` exist only here; the code goes another way than the link, where there is one."""

    user: User
    link: str
    code: str = ""


@transaction.atomic
def create_user(*, actor: User | str, username: str, role: str) -> Invitation:
    """An account without a password; the link lets its person in once, to set one."""
    user = _new_user(username, role)
    user.save()
    record(actor=actor, verb="create", target=user, after=describe_user(user))
    return Invitation(user, _link(user, INVITATION))


@transaction.atomic
def create_pass(*, actor: User | str, username: str, lasts: timedelta, source: str = "") -> Invitation:
    """A technician's account that ends by itself: link and one-time code, from one address or network if wanted."""
    if not SHORTEST_PASS <= lasts <= LONGEST_PASS:
        raise ValidationError({"lasts": [_("A pass lasts from one hour to seven days.")]})
    user = _new_user(username, Role.TECHNICIAN)
    user.ends, user.source = timezone.now() + lasts, _network(source)
    user.save()
    code = f"{secrets.randbelow(10**8):08}"
    record(actor=actor, verb="create pass", target=user, after=describe_user(user))
    return Invitation(user, _link(user, lasts, code), code)


@transaction.atomic
def renew_link(*, actor: User | str, user: User) -> Invitation:
    """Another way in for whoever lost password or link; a pass gets a new code, too, and no more time."""
    if not user.works:
        raise ValidationError({"user": [_("This account is switched off or has ended.")]})
    SignInLink.objects.filter(user=user, used=None).update(used=timezone.now())
    record(actor=actor, verb="renew link", target=user)
    if user.ends is None:
        return Invitation(user, _link(user, INVITATION))
    code = f"{secrets.randbelow(10**8):08}"
    return Invitation(user, _link(user, user.ends - timezone.now(), code), code)


@transaction.atomic
def set_role(*, actor: User | str, user: User, role: str) -> None:
    """Sessions end, so that nobody goes on in a role that he has lost."""
    if role not in Role.values:
        raise ValidationError({"role": [_("There is no such role.")]})
    if user.role == role:
        return
    _keep_an_owner(user, still=role == Role.OWNER)
    before = describe_user(user)
    user.role, user.is_superuser = role, role == Role.OWNER
    user.save(update_fields=["role", "is_superuser"])
    record(actor=actor, verb="set role", target=user, before=before, after=describe_user(user))
    end_sessions(actor=actor, user=user, reason="another role")


@transaction.atomic
def set_active(*, actor: User | str, user: User, active: bool) -> None:
    _keep_an_owner(user, still=active)
    before = describe_user(user)
    user.is_active = active
    user.save(update_fields=["is_active"])
    record(actor=actor, verb="enable" if active else "disable", target=user, before=before, after=describe_user(user))
    if not active:
        end_sessions(actor=actor, user=user, reason="switched off")


@transaction.atomic
def reset_factors(*, actor: User | str, user: User) -> int:
    """For a lost telephone: second factors and recovery codes go, sessions end."""
    gone: int = Authenticator.objects.filter(user=user).delete()[0]
    record(actor=actor, verb="reset second factor", target=user, before={"factors": gone})
    end_sessions(actor=actor, user=user, reason="second factor reset")
    return gone


@transaction.atomic
def grant(*, actor: User | str, role: str, permission: str, allowed: bool) -> None:
    """Give a permission to a role or take it away, where the table lets the owner decide."""
    if role not in GRANTABLE.get(permission, ()):
        raise ValidationError({"permission": [_("The table decides this, nobody else.")]})
    Grant.objects.update_or_create(role=role, permission=permission, defaults={"allowed": allowed})
    target = Grant.objects.get(role=role, permission=permission)
    record(actor=actor, verb="grant" if allowed else "withdraw", target=target)


@transaction.atomic
def demand_factor(*, actor: User | str, demanded: bool) -> None:
    """Whether owners and administrators must have a second factor, from their next sign-in on."""
    demand = FactorDemand.objects.first() or FactorDemand()
    if (demand.since is not None) == demanded:
        return
    before = demand.since
    demand.since = timezone.now() if demanded else None
    demand.save()
    verb = "demand second factor" if demanded else "demand no second factor"
    record(actor=actor, verb=verb, target=demand, before={"since": before}, after={"since": demand.since})


def describe_user(user: User) -> dict[str, Any]:
    ends: datetime | None = user.ends
    return {
        "name": user.username, "role": user.role, "active": user.is_active, "ends": ends and ends.isoformat(),
        "source": user.source,
    }  # fmt: skip


def _new_user(username: str, role: str) -> User:
    name = username.strip()
    errors: dict[str, list[str]] = {}
    if not name or len(name) > 80 or not name.isprintable():
        errors["username"] = [_("Give the person's name, up to 80 characters.")]
    elif User.objects.filter(username__iexact=name).exists():
        errors["username"] = [_("There is an account “%s” already.") % name]
    if role not in Role.values:
        errors["role"] = [_("There is no such role.")]
    if errors:
        raise ValidationError(errors)
    user = User(username=name, role=role, is_superuser=role == Role.OWNER)
    user.set_unusable_password()
    return user


def _network(source: str) -> str:
    if not source.strip():
        return ""
    try:
        return str(ipaddress.ip_network(source.strip()))
    except ValueError as error:
        raise ValidationError({"source": [_("“%s” is no address and no network.") % source]}) from error


def _link(user: User, lasts: timedelta, code: str = "") -> str:
    text = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user, hash=secret_hash(text), expires=timezone.now() + lasts, code=secret_hash(text + code) if code else ""
    )
    return text


def _keep_an_owner(user: User, *, still: bool) -> None:
    others = User.objects.filter(role=Role.OWNER, is_active=True).exclude(pk=user.pk)
    if user.role == Role.OWNER and not still and not others.exists():
        raise ValidationError({"user": [_("This is the last owner. Make somebody else an owner first.")]})
