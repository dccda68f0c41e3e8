# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of a revision: netadmin's tasks on its own queue, `reconcile` for beat. All may run twice.

The kernel goes back by itself; `settle` writes down that it did, cleans up behind it, and makes the ALG follow.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.celery import app
from appliance.kernel import answers, inquiry, links, watch
from appliance.kernel.connections import Selection
from appliance.live import jobs
from appliance.network import services as network
from appliance.network.queries import interfaces
from appliance.ruleset import apply as ruleset_apply
from appliance.ruleset import policy as ruleset
from appliance.ruleset.apply import ApplyRefused, WindowEnded
from appliance.ruleset.findings import text
from appliance.ruleset.policy import Policy
from appliance.ruleset.verify import verify
from appliance.system import queries, services
from appliance.system.columns import AGAIN, NOT_APPLIED, UNCONFIRMED, UNDONE, UNFINISHED
from appliance.system.models import OldConnections, Revision, State
from appliance.system.queries import job_row
from sipalg_core.nft.client import Client, NftError

log = logging.getLogger(__name__)


@app.task(name="appliance.system.tasks.apply_revision")
def apply_revision(revision_id: int) -> None:
    settle()  # a trial that has ended must be written down before the next begins
    revision = services.begin(revision_id=revision_id)
    if revision is None:
        return
    announce(revision)
    policy = queries.policy_now(revision, time.time())
    errors = [text(finding) for finding in verify(policy, queries.access_of(revision)) if finding.level == "error"]
    try:
        if errors:
            raise ApplyRefused(" ".join([*errors, str(NOT_APPLIED)]))
        result = ruleset_apply.apply(policy, _kernel(), _fallback(revision), revision.confirm_within)
        services.complete(revision=revision, result=result)
    except (ApplyRefused, NftError) as error:
        services.fail(revision=revision, error=str(error))
    announce(revision)
    if revision.state in (State.WAITING, State.APPLIED):
        _count_old_connections(revision)


@app.task(name="appliance.system.tasks.keep_revision")
def keep_revision(revision_id: int) -> None:
    revision = _waiting(revision_id)
    if revision is None:
        return
    try:
        ruleset_apply.confirm(revision.number, _kernel())
    except WindowEnded:
        settle()
        return
    _kept(revision)


@app.task(name="appliance.system.tasks.extend_revision")
def extend_revision(revision_id: int) -> None:
    revision = _waiting(revision_id)
    if revision is None or revision.deadline is None:
        return
    left = (revision.deadline - timezone.now()).total_seconds() + services.EXTENSION
    left = min(left, services.LONGEST_WINDOW)
    try:
        ruleset_apply.extend(_kernel(), left)
    except WindowEnded:
        settle()
        return
    services.extended(revision=revision, left=left)
    announce(revision)


@app.task(name="appliance.system.tasks.undo_revision")
def undo_revision(revision_id: int) -> None:
    revision = _waiting(revision_id)
    if revision is not None:
        _go_back(revision, str(UNDONE))


@app.task(name="appliance.system.tasks.settle")
def settle() -> None:
    """Follow the kernel: a trial whose window has ended there is over, and so is a rule whose time has."""
    for revision in queries.revisions().filter(state=State.WAITING):
        standing = ruleset_apply.standing(_kernel())
        if standing.deciding != revision.number:
            _go_back(revision, str(UNCONFIRMED).format(seconds=revision.confirm_within))
        elif standing.left is None:
            _kept(revision)  # netadmin died between the kernel and the row
    for revision in services.stuck():
        if ruleset_apply.standing(_kernel()).deciding == revision.number:
            services.retry(revision=revision)  # netadmin died between the kernel and the row
            apply_revision(revision.pk)
        else:
            services.fail(revision=revision, error=str(UNFINISHED))
            announce(revision)

    follow_addresses()  # should an event have been lost
    _close_what_waits_for_calls()
    for revision in services.expire():
        ruleset_apply.refresh(queries.policy_now(revision, time.time()), _kernel())


@app.task(name=watch.TASK)
def follow_addresses() -> None:
    """After the kernel's addresses: the running rules and the ALG use the new ones, flows of the old ones end."""
    standing = queries.standing_revisions()
    wanted = {each.name for each in interfaces()}
    wanted |= {each.name for revision in standing for each in ruleset.load(revision.policy).interfaces}
    found = {link.name: link.addresses for link in links.read() if link.name in wanted}
    changed = network.record_found(found=found)
    if not changed:
        return
    log.info("addresses are others: %s", {name: found[name] for name in changed})
    for revision in standing:
        ruleset_apply.refresh(queries.policy_now(revision, time.time()), _kernel())
        announce(revision)
    gone = answers.forget_addresses(each for addresses in changed.values() for each in addresses)
    log.info("%d connections of addresses that are gone were deleted", gone)


@app.task(name=inquiry.TASK)
def answer(question: str, arguments: dict[str, Any], reply_to: str) -> None:
    """Of other processes; they wait for it (kernel.inquiry)."""
    try:
        inquiry.reply(reply_to, {"value": answers.ANSWERS[question](**arguments)})
    except ValidationError as error:
        inquiry.reply(reply_to, {"fields": error.message_dict})
    except (OSError, NftError) as error:
        log.exception("%s", question)
        inquiry.reply(reply_to, {"error": _("The kernel refused to answer: %s") % error})


@app.task(name="appliance.system.tasks.note_advice")
def note_advice() -> None:
    """The advisor's own round, in the worker."""
    services.note_advice()


@app.task(name="appliance.system.tasks.back_up")
def back_up() -> None:
    """Without netadmin: the backup that is due by plan."""
    services.make_planned(now=timezone.now())


@app.task(name="appliance.system.tasks.notify")
def notify() -> None:
    """Without netadmin: tell people what happened, and again what did not arrive."""
    services.note_events()
    services.send_notices()
    services.export_audit()


@app.task(name="appliance.system.tasks.reconcile")
def reconcile() -> None:
    """Without netadmin: what was never taken has failed."""
    for revision in services.fail_not_taken():
        announce(revision)


def announce(revision: Revision) -> None:
    """Tell the browsers; nobody waits for it, and a page that missed it reads the row."""
    jobs.announce(job_row(revision))


def _count_old_connections(revision: Revision) -> None:
    try:
        services.found_old_connections(revision=revision, counted=answers.count_old(revision))
    except OSError as error:
        log.warning("connections were not counted: %s", error)
        return
    announce(revision)


def _close_what_waits_for_calls() -> None:
    revision = queries.running_revision()
    if revision is None or revision.old_connections.get("choice") != OldConnections.LATER or queries.calls_go_on():
        return
    services.close_later(revision=revision, flushed=answers.flush_now(Selection(old=True)))
    announce(revision)


def _kept(revision: Revision) -> None:
    services.confirmed(revision=revision)
    ruleset_apply.kept(queries.policy_now(revision, time.time()), _kernel())
    announce(revision)


def _waiting(revision_id: int) -> Revision | None:
    return Revision.objects.filter(pk=revision_id, state=State.WAITING).first()


def _fallback(revision: Revision) -> Policy | None:
    before = queries.confirmed_revision(revision.node)
    return queries.policy_now(before, time.time()) if before else None


def _go_back(revision: Revision, reason: str) -> None:
    """Only a revision with one before it is ever on trial."""
    before = queries.confirmed_revision(revision.node)
    if before is None:
        log.error("revision %s has none before it", revision.number)
        return
    notes = ruleset_apply.revert(queries.policy_now(before, time.time()), _kernel())
    kept = str(AGAIN).format(number=before.number)
    services.rolled_back(revision=revision, reason=" ".join((reason, kept, *notes)))
    announce(revision)
    announce(before)


@cache
def _kernel() -> Client:
    """One libnftables context per process: netadmin runs one task at a time."""
    return Client()
