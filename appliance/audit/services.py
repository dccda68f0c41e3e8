# SPDX-License-Identifier: GPL-2.0-or-later
"""Adding to the audit trail, and proving that nobody rewrote it."""

from __future__ import annotations

import hashlib
import json
from contextvars import ContextVar
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone

from appliance.accounts.models import User
from appliance.audit.models import Entry

FIRST_HASH: Final = "0" * 64
origin: ContextVar[str] = ContextVar("origin", default="")
"""The address that the request at hand came from; appliance.gate sets it."""
_HASHED: Final = (
    "sequence", "time", "actor", "source", "verb", "target", "before", "after", "reason", "previous_hash",
)  # fmt: skip


def record(
    *,
    actor: User | str,
    verb: str,
    target: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    source: str = "",
) -> Entry:
    """Add an entry in the caller's transaction: the change and its record stand or fall together.

    `source` is where it was asked from; not given, the address that the request at hand came from.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("audit.record belongs into the transaction of the change")
    last = Entry.objects.order_by("-sequence").first()
    entry = Entry(
        sequence=last.sequence + 1 if last else 1,
        time=timezone.now(),
        actor=str(actor),
        source=(source or origin.get())[:64],
        verb=verb,
        target=f"{target._meta.label_lower}:{target.pk} {target}"[:200],
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        previous_hash=last.hash if last else FIRST_HASH,
    )
    entry.hash = _hash(entry)
    entry.save()
    return entry


def verify() -> int | None:
    """Return the sequence number of the first entry that does not fit, or None where the whole chain holds."""
    previous, expected = FIRST_HASH, 1
    for entry in Entry.objects.order_by("sequence").iterator():
        if entry.sequence != expected or entry.previous_hash != previous or entry.hash != _hash(entry):
            return expected
        previous, expected = entry.hash, expected + 1
    return None


def _plain(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Bring values into the form that the database gives back, so that the hash stays true."""
    plain: dict[str, Any] | None = json.loads(json.dumps(values, cls=DjangoJSONEncoder))
    return plain


def _hash(entry: Entry) -> str:
    fields = {name: getattr(entry, name) for name in _HASHED} | {"time": entry.time.timestamp()}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
