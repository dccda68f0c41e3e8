# SPDX-License-Identifier: GPL-2.0-or-later
"""A request: who may not do a thing asks those who may, by a notice (the bell, and each channel that is set up)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override

from appliance.accounts.models import User
from appliance.accounts.queries import permits, who_may
from appliance.audit.services import record
from appliance.notices.channels import wanted
from appliance.permissions import PERMISSIONS
from appliance.system.columns import notices as told
from appliance.system.models import Notice
from appliance.system.services.notices import KEPT, notice_settings, way_of
from sipalg_core.contract import names

WITHIN: Final = timedelta(hours=1)
MOST: Final = 5
"""Requests of one person within that time; of one thing, one."""
LONGEST: Final = 300
"""Characters of a reason, and of a page's address."""


@transaction.atomic
def send_request(*, actor: User, permission: str, page: str, origin: str = "", reason: str = "") -> list[str]:
    """Tell those who may; return the names of some of them. `page` is a path here, `origin` what stands before it in
    a mail (https://fw.example.net)."""
    _check(actor, permission)
    own = page[:LONGEST] if url_has_allowed_host_and_scheme(page, allowed_hosts=None) and page[:1] == "/" else "/"
    reason = " ".join(reason.split())[:LONGEST]
    now = timezone.now()
    Notice.objects.filter(kind=told.REQUEST, created__lt=now - KEPT).delete()
    with override("en"):  # as every notice is written down
        subject = str(told.ASKED).format(
            who=actor.username, role=actor.get_role_display(), refusal=PERMISSIONS[permission].refusal
        )
    notice = Notice.objects.create(
        node=names.NODE, key=f"{told.REQUEST}:{actor.pk}:{permission}:{now.timestamp():.3f}", kind=told.REQUEST,
        level="hint", subject=subject[:200], text=f"{reason}\n{origin}{own}",
        done=not wanted(way_of(notice_settings())),
    )  # fmt: skip
    record(actor=actor, verb="ask", target=notice, reason=reason, after={"permission": permission, "page": own})
    return who_may(permission)


def _check(actor: User, permission: str) -> None:
    if permission not in PERMISSIONS:
        raise ValidationError({"permission": [_("There is no such permission.")]})
    if permits(actor, permission):
        raise ValidationError({"permission": [_("You may do this already: load the page again.")]})
    lately = Notice.objects.filter(
        kind=told.REQUEST, key__startswith=f"{told.REQUEST}:{actor.pk}:", created__gt=timezone.now() - WITHIN
    )
    if lately.filter(key__contains=f":{permission}:").exists():
        raise ValidationError({"permission": [_("You have asked for this within the last hour. It stands there.")]})
    if lately.count() >= MOST:
        raise ValidationError({"": [_("That was the fifth request within an hour. Speak to somebody, or wait.")]})
