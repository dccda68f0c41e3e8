# SPDX-License-Identifier: GPL-2.0-or-later
"""Closing connections: what the operator chose, and what an apply has left behind. Media of calls is spared."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.kernel.connections import Flushed, Selection
from appliance.kernel.inquiry import ask
from appliance.system import queries
from appliance.system.models import OldConnections, Revision
from sipalg_core.contract import names


def flush_connections(
    *, actor: User | str, selection: Selection, calls: bool = False, node: str = names.NODE
) -> Flushed:  # fmt: skip
    """Close what is chosen; media of calls only with `calls`. Raise NetadminUnavailable where nobody answers."""
    revision = queries.running_revision(node)
    if revision is None:
        raise ValidationError({"revision": [_("No rules run yet.")]})
    if selection == Selection():
        raise ValidationError({"host": [_("Say which connections: everything at once is not offered.")]})
    with transaction.atomic():
        record(actor=actor, verb="flush", target=revision, after=selection.plain() | {"with_calls": calls})
    flushed = Flushed(**ask("flush", node=node, selection=selection.plain(), calls=calls))
    with transaction.atomic():
        record(actor=actor, verb="flushed", target=revision, after=_counted(flushed))
    return flushed


def _counted(flushed: Flushed) -> dict[str, int]:
    return {"closed": flushed.closed, "calls_spared": flushed.spared}


def flush_phones(*, actor: User | str, host: str = "", calls: bool = False, node: str = names.NODE) -> Flushed:
    """Of telephones only: what SIP rules of the running revision name as their source."""
    rules = queries.policy_asked(draft=False, node=node).rules
    phones = tuple({value for rule in rules if rule.opens_alg and rule.source for value in rule.source.values})
    selection = Selection(host=host, within=tuple(sorted(phones)))
    return flush_connections(actor=actor, selection=selection, calls=calls, node=node)


def close_old_connections(*, actor: User | str, revision: Revision) -> Flushed:
    """Now: what its rules would not allow, or would translate differently. Calls go on."""
    _must_run(revision)
    flushed = flush_connections(actor=actor, selection=Selection(old=True), node=revision.node)
    _decide(revision, OldConnections.CLOSED, closed=flushed.closed, calls=flushed.spared)
    return flushed


@transaction.atomic
def close_when_calls_end(*, actor: User | str, revision: Revision) -> Revision:
    """netadmin closes them when no call is left (system.tasks.settle)."""
    _must_run(revision)
    _decide(revision, OldConnections.LATER)
    record(actor=actor, verb="flush when calls end", target=revision)
    return revision


@transaction.atomic
def found_old_connections(*, revision: Revision, counted: dict[str, int]) -> None:
    """netadmin reports what an apply has left behind."""
    revision.old_connections = counted | {"choice": OldConnections.ASK if counted["old"] else ""}
    revision.save(update_fields=["old_connections"])


@transaction.atomic
def close_later(*, revision: Revision, flushed: Flushed) -> None:
    """netadmin reports that the calls have ended and the connections were closed."""
    _decide(revision, OldConnections.CLOSED, closed=flushed.closed, calls=flushed.spared)
    record(actor="netadmin", verb="flushed", target=revision, after=_counted(flushed))


def _must_run(revision: Revision) -> None:
    if revision != queries.running_revision(revision.node):
        raise ValidationError({"revision": [_("Revision %d does not run.") % revision.number]})


def _decide(revision: Revision, choice: str, **counted: Any) -> None:
    revision.old_connections = revision.old_connections | counted | {"choice": choice}
    revision.save(update_fields=["old_connections"])
