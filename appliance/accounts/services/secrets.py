# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to the secrets that stand for somebody: tokens, sign-in links, passwords."""

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
from appliance.accounts.queries import in_place
from appliance.audit.services import record
from appliance.permissions import Role

TOKEN_PREFIX: Final = "ph_"  # noqa: S105  (a label, so that a leaked token can be found by searching for it)
OWNER: Final = "owner"
TOKEN_ROLES: Final = (Role.ADMINISTRATOR, Role.TECHNICIAN, Role.AUDITOR)
LONGEST_LINK_LIFETIME: Final = timedelta(days=1)
WRONG_CODES: Final = 5


class LinkInvalid(Exception):
    """The sign-in link does not open the door; the message says why."""


@transaction.atomic
def create_api_token(
    *, user: User, name: str, expires: datetime | None = None, role: str = ""
) -> tuple[ApiToken, str]:  # fmt: skip
    """Return the token and its text, which exists only here: the database keeps its hash.

    With a `role` it may at most what that role may, and never more than its user.
    """
    if role not in ("", *(each.value for each in TOKEN_ROLES)):
        raise ValidationError({"role": [_("There is no such role.")]})
    if not name.strip():
        raise ValidationError({"name": [_("Give the token a name that says who uses it.")]})
    if expires is not None and expires <= timezone.now():
        raise ValidationError({"expires": [_("The end time is in the past. The token would never be valid.")]})
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name.strip(), prefix=text[: len(TOKEN_PREFIX) + 5], hash=secret_hash(text), expires=expires,
        role=role,
    )  # fmt: skip
    record(actor=user, verb="create", target=token, after={"name": token.name, "expires": expires, "role": role})
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


def needs_code(token: str) -> bool:
    """Whether a one-time code goes with the link."""
    return SignInLink.objects.filter(hash=secret_hash(token), used=None).exclude(code="").exists()


def redeem_link(*, token: str, code: str = "", source: str = "") -> User:
    """Return whom the link signs in, and end the link; raise LinkInvalid otherwise. A wrong code counts."""
    link = SignInLink.objects.select_related("user").filter(hash=secret_hash(token)).first()
    if link is None:
        raise LinkInvalid(_("This sign-in link is not known here. Ask for a new one."))
    if link.used is not None:
        raise LinkInvalid(_("This sign-in link has been used already. Ask for a new one."))
    if link.expires <= timezone.now():
        raise LinkInvalid(_("This sign-in link has expired. Ask for a new one."))
    if not link.user.works:
        raise LinkInvalid(_("This account is switched off or has ended."))
    if not in_place(link.user, source):
        raise LinkInvalid(_("This link does not work from this address, or not now."))
    if link.code and not secrets.compare_digest(secret_hash(token + code.replace(" ", "")), link.code):
        _count_wrong_code(link)
        raise LinkInvalid(_("This code is wrong. After %d wrong codes the link ends.") % WRONG_CODES)
    with transaction.atomic():
        if not SignInLink.objects.filter(pk=link.pk, used=None).update(used=timezone.now()):
            raise LinkInvalid(_("This sign-in link has been used already. Ask for a new one."))
        record(actor=link.user, verb="redeem link", target=link, source=source)
    return link.user


def _count_wrong_code(link: SignInLink) -> None:
    link.tries += 1
    if link.tries >= WRONG_CODES:
        link.used = timezone.now()
    link.save(update_fields=["tries", "used"])


@transaction.atomic
def set_password(*, actor: User, user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor=actor, verb="set_password", target=user)
