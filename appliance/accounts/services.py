# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to accounts: tokens, sign-in links, passwords."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import ApiToken, SignInLink, User, secret_hash
from appliance.audit.services import record

TOKEN_PREFIX: Final = "ph_"  # noqa: S105  (a label, so that a leaked token can be found by searching for it)
OWNER: Final = "owner"
LONGEST_LINK_LIFETIME: Final = timedelta(days=1)


class LinkInvalid(Exception):
    """The sign-in link does not open the door; the message says why."""


@transaction.atomic
def create_api_token(*, user: User, name: str, expires: datetime | None = None) -> tuple[ApiToken, str]:
    """Return the token and its text, which exists only here: the database keeps its hash."""
    if not name.strip():
        raise ValidationError({"name": [_("Give the token a name that says who uses it.")]})
    if expires is not None and expires <= timezone.now():
        raise ValidationError({"expires": [_("The end time is in the past. The token would never be valid.")]})
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name.strip(), prefix=text[: len(TOKEN_PREFIX) + 5], hash=secret_hash(text), expires=expires
    )
    record(actor=user, verb="create", target=token, after={"name": token.name, "expires": expires})
    return token, text


@transaction.atomic
def delete_api_token(*, actor: User, token: ApiToken) -> None:
    record(actor=actor, verb="delete", target=token, before={"name": token.name, "user": token.user.username})
    token.delete()


@transaction.atomic
def create_owner_link(*, lifetime: timedelta = timedelta(minutes=30)) -> str:
    """Return the text of a link that signs in the owner once; make the owner where there is none yet."""
    if not timedelta(0) < lifetime <= LONGEST_LINK_LIFETIME:
        raise ValidationError({"lifetime": [_("A sign-in link lives for at most one day.")]})
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if owner is None:
        owner = User(username=OWNER, is_superuser=True)
        owner.set_unusable_password()
        owner.save()
        record(actor="console", verb="create", target=owner, reason="first start")
    text = secrets.token_urlsafe(32)
    link = SignInLink.objects.create(user=owner, hash=secret_hash(text), expires=timezone.now() + lifetime)
    record(actor="console", verb="create", target=link)
    return text


@transaction.atomic
def redeem_link(*, token: str, source: str = "") -> User:
    """Return whom the link signs in, and end the link; raise LinkInvalid otherwise."""
    link = SignInLink.objects.select_related("user").filter(hash=secret_hash(token)).first()
    if link is None:
        raise LinkInvalid(_("This sign-in link is not known here. Ask for a new one."))
    if link.used is not None:
        raise LinkInvalid(_("This sign-in link has been used already. Ask for a new one."))
    if link.expires <= timezone.now():
        raise LinkInvalid(_("This sign-in link has expired. Ask for a new one."))
    if not link.user.is_active:
        raise LinkInvalid(_("This account is switched off."))
    link.used = timezone.now()
    link.save(update_fields=["used"])
    record(actor=link.user, verb="sign_in", target=link.user, reason="sign-in link", source=source)
    return link.user


@transaction.atomic
def set_password(*, actor: User, user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor=actor, verb="set_password", target=user)
