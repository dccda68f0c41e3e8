# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's verbs on revisions, and what netadmin reports of them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.celery import app
from appliance.firewall import services as firewall
from appliance.ruleset import policy as ruleset
from appliance.ruleset.apply import ApplyResult
from appliance.ruleset.snapshot import dump_rows, load_rows, snapshot
from appliance.ruleset.verify import Access
from appliance.system import queries
from appliance.system.models import ReasonDemand, Revision, State
from sipalg_core.contract import names

log = logging.getLogger(__name__)

SHORTEST_WINDOW: Final = 30
DEFAULT_WINDOW: Final = 90
LONGEST_WINDOW: Final = 600
EXTENSION: Final = 60
"""Seconds of a trial: enough to look, never so long that a locked-out operator gives up."""

REFRESH_AFTER: Final = timedelta(days=1)
"""How often the kernel is told the next windows of schedules; it knows them for two weeks (ruleset.schedule)."""

STUCK_AFTER: Final = timedelta(seconds=60)
"""Longer than any apply takes; then its netadmin died in the middle."""


def request_apply(
    *,
    actor: User | str,
    reason: str = "",
    confirm_within: int = 0,
    access: Access | None = None,
    node: str = names.NODE,
) -> Revision:
    """Freeze the rows as a revision and ask netadmin to apply it; a failure to ask is in the returned revision.

    With `confirm_within` seconds it is on trial: unless somebody keeps it, the kernel goes back by itself.
    `access` is what must not be cut off.
    """
    _check_window(confirm_within)
    if not reason.strip() and ReasonDemand.stands():
        raise ValidationError(
            {"reason": [_("Say why: here nothing is applied without a reason. Nothing was applied.")]}
        )
    with transaction.atomic():
        waiting = queries.waiting_revision(node)
        if waiting:
            message = _("Revision %d waits for confirmation. Keep it or undo it first.") % waiting.number
            raise ValidationError({"confirm_within": [message]}, code="waiting")
        number = (Revision.objects.filter(node=node).aggregate(last=Max("number"))["last"] or 0) + 1
        revision = Revision.objects.create(
            number=number, node=node, author=str(actor), reason=reason, rows=dump_rows(),
            policy=ruleset.dump(snapshot(node, number)), confirm_within=confirm_within,
            asked_from=access and access.address, asked_port=access and access.port,
        )  # fmt: skip
        Revision.objects.filter(node=node, state=State.PENDING, number__lt=number).update(state=State.SUPERSEDED)
        record(actor=actor, verb="apply", target=revision, reason=reason)
        transaction.on_commit(lambda: _apply_later(revision))
    revision.refresh_from_db()
    return revision


@transaction.atomic
def demand_reason(*, actor: User | str, demanded: bool) -> None:
    """Whether who applies must say why; what asks for an apply by itself always does."""
    demand = ReasonDemand.objects.first() or ReasonDemand()
    if (demand.since is not None) == demanded:
        return
    before = demand.since
    demand.since = timezone.now() if demanded else None
    demand.save()
    verb = "demand a reason" if demanded else "demand no reason"
    record(actor=actor, verb=verb, target=demand, before={"since": before}, after={"since": demand.since})


def _apply_later(revision: Revision) -> None:
    if not _ask_netadmin("apply_revision", revision):
        fail(
            revision=revision,
            error=_("The job queue (Redis) does not answer. Nothing was applied, the running rules stay. Try again."),
        )


def keep(*, actor: User | str, revision: Revision) -> Revision:
    """Ask netadmin to make the waiting revision permanent."""
    return _ask(actor, "keep", revision)


def extend(*, actor: User | str, revision: Revision) -> Revision:
    """Ask netadmin for EXTENSION more seconds, up to LONGEST_WINDOW from now."""
    return _ask(actor, "extend", revision)


def undo(*, actor: User | str, revision: Revision) -> Revision:
    """Ask netadmin to go back to the revision before, now."""
    return _ask(actor, "undo", revision)


def _ask(actor: User | str, verb: str, revision: Revision) -> Revision:
    if revision.state != State.WAITING:
        message = _("Revision %(number)d does not wait for confirmation: it is %(state)s.")
        values = {"number": revision.number, "state": revision.get_state_display()}
        raise ValidationError({"revision": [message % values]}, code="not_waiting")
    with transaction.atomic():
        record(actor=actor, verb=verb, target=revision)
    if not _ask_netadmin(f"{verb}_revision", revision):
        message = _("The job queue (Redis) does not answer. Without a confirmation the kernel goes back by itself.")
        raise ValidationError({"revision": [message]}, code="unavailable")
    return revision


@transaction.atomic
def go_back(*, actor: User | str, revision: Revision) -> None:
    """Make the rows what they were at this revision, as a draft: nothing is applied yet."""
    if revision.rows is None:
        raise ValidationError({"revision": [_("Revision %d does not hold its configuration.") % revision.number]})
    load_rows(revision.rows)
    record(actor=actor, verb="go_back", target=revision)


def _check_window(seconds: int) -> None:
    if seconds and not SHORTEST_WINDOW <= seconds <= LONGEST_WINDOW:
        message = _("Choose %(first)d to %(last)d seconds.") % {"first": SHORTEST_WINDOW, "last": LONGEST_WINDOW}
        raise ValidationError({"confirm_within": [message]})


def _ask_netadmin(task: str, revision: Revision) -> bool:
    try:
        app.send_task(f"appliance.system.tasks.{task}", (revision.pk,), queue=names.netadmin_queue(revision.node))
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s of revision %s was not queued: %s", task, revision.number, error)
        return False
    return True


# --- What netadmin reports ---


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
    """The kernel has it, for good or on trial (`result.window`)."""
    revision.nft = result.nft
    revision.error = "\n".join(result.notes)
    revision.applied_at = timezone.now()
    revision.duration = result.duration
    if result.window:
        revision.state = State.WAITING
        revision.deadline = revision.applied_at + timedelta(seconds=result.window)
        revision.save()
    else:
        confirmed(revision=revision)
    record(actor="netadmin", verb="applied", target=revision, reason=revision.error)


@transaction.atomic
def confirmed(*, revision: Revision) -> None:
    older = Revision.objects.filter(node=revision.node).exclude(pk=revision.pk)
    older.filter(state__in=[State.APPLIED, State.WAITING]).update(state=State.SUPERSEDED)
    revision.state = State.APPLIED
    revision.deadline = None
    revision.save()
    if revision.confirm_within:
        record(actor="netadmin", verb="confirmed", target=revision)


def extended(*, revision: Revision, left: float) -> None:
    revision.deadline = timezone.now() + timedelta(seconds=left)
    revision.save(update_fields=["deadline"])


@transaction.atomic
def rolled_back(*, revision: Revision, reason: str) -> None:
    revision.state = State.ROLLED_BACK
    revision.deadline = None
    revision.error = reason
    revision.save(update_fields=["state", "deadline", "error"])
    record(actor="netadmin", verb="rolled back", target=revision, reason=reason)


@transaction.atomic
def fail(*, revision: Revision, error: str) -> None:
    revision.state = State.FAILED
    revision.error = error
    revision.save(update_fields=["state", "error"])
    record(actor="netadmin", verb="failed", target=revision, reason=error)


@transaction.atomic
def expire(*, node: str = names.NODE) -> list[Revision]:
    """Mark rules that have ended, in the rows and in the standing revisions; those whose chains must be filled anew."""
    now = timezone.now()
    firewall.expire_rules(now=now)
    stale = []
    for revision in queries.standing_revisions(node):
        rules = ruleset.load(revision.policy).rules
        ended = [
            rule.id
            for rule in rules
            if rule.until and rule.until <= now.timestamp() and rule.id not in revision.expired
        ]
        read = revision.refreshed_at or revision.applied_at or revision.created
        if ended or (any(rule.schedule for rule in rules) and now - read > REFRESH_AFTER):
            revision.expired = [*revision.expired, *ended]
            revision.refreshed_at = now
            revision.save(update_fields=["expired", "refreshed_at"])
            stale.append(revision)
    return stale


def stuck(node: str = names.NODE) -> list[Revision]:
    """Revisions whose netadmin died while applying."""
    deadline = timezone.now() - STUCK_AFTER
    return list(Revision.objects.filter(node=node, state=State.APPLYING, started_at__lt=deadline))


def retry(*, revision: Revision) -> None:
    revision.state = State.PENDING
    revision.save(update_fields=["state"])


def fail_not_taken() -> list[Revision]:
    """End revisions that no netadmin took."""
    waited = list(Revision.objects.filter(state=State.PENDING, created__lt=timezone.now() - STUCK_AFTER))
    for revision in waited:
        fail(revision=revision, error=_("The process that applies rules does not run. Nothing was changed."))
    return waited
