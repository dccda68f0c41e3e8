# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups by plan: who wants them and how often, and making the one that is due."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance import keys
from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.backup import planned
from appliance.system import queries
from appliance.system.models import Restoration
from appliance.system.services.backup import make_backup, require_passphrase

log = logging.getLogger(__name__)

_PURPOSE = "backup plan"


@transaction.atomic
def plan_backups(*, actor: User | str, every: str, passphrase: str = "") -> None:
    """`every` is a word of planned.EVERY, or "" for none. Without a passphrase the one of before goes on."""
    before = planned.read()
    plan = None
    if every:
        if every not in planned.EVERY:
            raise ValidationError({"every": [_("Daily or weekly.")]})
        if passphrase or before is None:
            require_passphrase(passphrase)
            sealed = keys.seal(passphrase, key=settings.SECRET_KEY, purpose=_PURPOSE)
        else:
            sealed = before.sealed
        plan = planned.Plan(every, sealed)
    record(
        actor=actor, verb="plan backups", target=queries.latest_revision() or Restoration(),
        before={"every": before.every if before else ""}, after={"every": every},
    )  # fmt: skip
    planned.write(plan)


def make_planned(*, now: datetime) -> planned.Made | None:
    """The one that is due. What goes wrong is kept for the page, and tried again with the next round."""
    plan = planned.read()
    if plan is None or not planned.is_due(plan, now):
        return None
    try:
        passphrase = keys.unseal(plan.sealed, key=settings.SECRET_KEY, purpose=_PURPOSE)
        kept = planned.keep(make_backup(actor="plan", passphrase=passphrase), now)
    except keys.KeyLost:
        failed = _("The passphrase was kept under another key of this appliance. Enter it again.")
    except OSError as error:
        failed = _("The file could not be written: %s") % error.strerror
    else:
        if plan.failed:
            planned.write(replace(plan, failed=""))
        return kept
    log.warning("no planned backup: %s", failed)
    if failed != plan.failed:
        planned.write(replace(plan, failed=failed))
    return None
