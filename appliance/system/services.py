# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's verbs on revisions, and the steps that netadmin takes with one."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.ruleset import policy as ruleset
from appliance.ruleset.apply import ApplyResult
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State
from sipalg_core.contract import names

log = logging.getLogger(__name__)

STUCK_AFTER: Final = timedelta(seconds=60)
"""Longer than any apply takes; then its netadmin died in the middle."""


def request_apply(*, actor: User | str, reason: str = "", node: str = names.NODE) -> Revision:
    """Freeze the rows as a revision and ask netadmin to apply it; a failure to ask is in the returned revision."""
    with transaction.atomic():
        number = (Revision.objects.filter(node=node).aggregate(last=Max("number"))["last"] or 0) + 1
        revision = Revision.objects.create(
            number=number, node=node, author=str(actor), reason=reason, policy=ruleset.dump(snapshot(node, number))
        )
        Revision.objects.filter(node=node, state=State.PENDING, number__lt=number).update(state=State.SUPERSEDED)
        record(actor=actor, verb="apply", target=revision, reason=reason)
        transaction.on_commit(lambda: _enqueue(revision))
    revision.refresh_from_db()
    return revision


def _enqueue(revision: Revision) -> None:
    from appliance.system.tasks import apply_revision  # tasks call services; only this verb looks back

    try:
        apply_revision.apply_async(args=(revision.pk,), queue=names.netadmin_queue(revision.node))
    except (OperationalError, RedisError, OSError) as error:
        log.warning("revision %s was not queued: %s", revision.number, error)
        fail(
            revision=revision,
            error=_("The job queue (Redis) does not answer. Nothing was applied, the running rules stay. Try again."),
        )


@transaction.atomic
def begin(*, revision_id: int) -> Revision | None:
    """Take the revision for applying; None where that was done, refused or overtaken already."""
    revision = Revision.objects.filter(pk=revision_id, state=State.PENDING).first()
    if revision is None:
        return None
    revision.state = State.APPLYING
    revision.started_at = timezone.now()
    revision.save(update_fields=["state", "started_at"])
    return revision


@transaction.atomic
def complete(*, revision: Revision, result: ApplyResult) -> None:
    Revision.objects.filter(node=revision.node, state=State.APPLIED).update(state=State.SUPERSEDED)
    revision.state = State.APPLIED
    revision.nft = result.nft
    revision.error = "\n".join(result.notes)
    revision.applied_at = timezone.now()
    revision.duration = result.duration
    revision.save()
    record(actor="netadmin", verb="applied", target=revision, reason=revision.error)


@transaction.atomic
def fail(*, revision: Revision, error: str) -> None:
    revision.state = State.FAILED
    revision.error = error
    revision.save(update_fields=["state", "error"])
    record(actor="netadmin", verb="failed", target=revision, reason=error)


def fail_stuck() -> list[Revision]:
    """End revisions whose netadmin died while applying, or that no netadmin took."""
    deadline = timezone.now() - STUCK_AFTER
    stuck = [
        *Revision.objects.filter(state=State.APPLYING, started_at__lt=deadline),
        *Revision.objects.filter(state=State.PENDING, created__lt=deadline),
    ]
    for revision in stuck:
        fail(revision=revision, error=_("The process that applies rules did not finish. Apply again."))
    return stuck
