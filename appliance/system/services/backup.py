# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups: make one, look into one, restore one as a draft. Restoring applies nothing: it is a change as any other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.backup import document, entry, sealing
from appliance.backup.document import Document
from appliance.ruleset.policy import Policy
from appliance.ruleset.snapshot import snapshot
from appliance.system import queries
from appliance.system.models import Restoration
from sipalg_core.contract import names

SHORTEST_PASSPHRASE: Final = 12
KEPT: Final = timedelta(hours=1)
"""How long a file that was looked into waits to be restored."""


class Preview(NamedTuple):
    """What restoring would change in the draft, in words."""

    changes: list[queries.Change]
    interfaces: list[str]  # of the document
    left_out: int  # rules whose time is over


@transaction.atomic
def make_backup(*, actor: User | str, passphrase: str) -> bytes:
    require_passphrase(passphrase)
    content = entry.collect()
    record(actor=actor, verb="backup", target=queries.latest_revision() or Restoration())
    return sealing.seal(document.write(content), passphrase, {"product": document.PRODUCT, "made": content.made})


def require_passphrase(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        message = _("Use a passphrase of at least %d characters: the file holds all of the configuration.")
        raise ValidationError({"passphrase": [message % SHORTEST_PASSPHRASE]})


def open_backup(*, file: bytes, passphrase: str) -> Document:
    """Raise ValidationError in words."""
    try:
        return read_configuration(text=sealing.unseal(file, passphrase))
    except sealing.Unreadable as error:
        raise _refusal(error) from error


def read_configuration(*, text: bytes) -> Document:
    """Of readable JSON. Raise ValidationError by place."""
    try:
        return document.read(text)
    except document.Refused as error:
        if error.newer:
            raise _refusal(sealing.Unreadable("too_new", error.newer)) from error
        raise ValidationError(error.fields) from error


def preview(
    *, content: Document, interfaces: Mapping[str, str] | None = None, tell: entry.Tell = entry.in_silence
) -> Preview:
    """Restore it, look, and take it back. Raise ValidationError by place."""
    before = snapshot(names.NODE, 0)
    with transaction.atomic():
        left_out = entry.enter(actor="preview", document=content, interfaces=interfaces or {}, tell=tell)
        after = snapshot(names.NODE, 0)
        transaction.set_rollback(True)
    return Preview(queries.compare(before, _alike(before, after)), [each.name for each in content.interfaces], left_out)


def _alike(before: Policy, after: Policy) -> Policy:
    """Rules that are entered anew have other keys: one of the same table and name counts as the same rule."""
    known: dict[tuple[str, str], list[int]] = {}
    for rule in before.rules:
        known.setdefault((rule.table, rule.name), []).append(rule.id)
    kept = {rule.id: ids.pop(0) for rule in after.rules if (ids := known.get((rule.table, rule.name)))}
    others = itertools.count(1 + max((rule.id for rule in (*before.rules, *after.rules)), default=0))
    rules = tuple(replace(rule, id=kept.get(rule.id) or next(others)) for rule in after.rules)
    return replace(after, rules=rules)


@transaction.atomic
def restore(
    *, actor: User | str, content: Document, interfaces: Mapping[str, str] | None = None,
    tell: entry.Tell = entry.in_silence,
) -> int:  # fmt: skip
    """The draft becomes what the document says; all or nothing. How many rules were left out as ended."""
    left_out = entry.enter(actor=actor, document=content, interfaces=interfaces or {}, tell=tell)
    target = queries.latest_revision() or Restoration()
    record(
        actor=actor, verb="restore", target=target, after={"made": content.made, "interfaces": dict(interfaces or {})}
    )
    return left_out


@transaction.atomic
def keep_for_restoring(*, actor: User | str, content: Document) -> Restoration:
    """Between the look and the decision; who asked is the one who may decide."""
    Restoration.objects.filter(created__lt=timezone.now() - KEPT).delete()
    return Restoration.objects.create(author=str(actor), content=content.model_dump(mode="json"))


@transaction.atomic
def restore_kept(
    *, actor: User | str, kept: Restoration, interfaces: Mapping[str, str], tell: entry.Tell = entry.in_silence
) -> int:
    left_out = restore(actor=actor, content=document.checked(kept.content), interfaces=interfaces, tell=tell)
    kept.delete()
    return left_out


def _refusal(error: sealing.Unreadable) -> ValidationError:
    if error.code == "too_new":
        message = _("This backup is from version %(theirs)s, this device runs %(ours)s. Update first.")
        return ValidationError({"file": [message % {"theirs": error.found, "ours": document.PRODUCT}]}, code="too_new")
    if error.code == "wrong_passphrase":
        message = _("The passphrase does not fit, or the file was changed. Nothing was restored.")
        return ValidationError({"passphrase": [message]})
    if error.code == "too_large":
        return ValidationError({"file": [_("It is larger than any backup of this device.")]})
    return ValidationError({"file": [_("This is no backup of Pinhole.")]})
