# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of the audit log: by who, act, words and days; and as a table for a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Model, Q, QuerySet

from appliance.audit.columns import verbs_like
from appliance.audit.models import Entry

COLUMNS: Final = ("sequence", "time", "actor", "source", "verb", "target", "before", "after", "reason", "hash")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def entries(chosen: dict[str, Any] | None = None) -> QuerySet[Entry]:
    """Newest first; `chosen` are cleaned values of audit.forms.EntryFilter."""
    wanted, found = chosen or {}, Entry.objects.order_by("-sequence")
    if wanted.get("actor"):
        found = found.filter(actor__icontains=wanted["actor"])
    if wanted.get("verb"):
        found = found.filter(Q(verb__icontains=wanted["verb"]) | Q(verb__in=verbs_like(wanted["verb"])))
    for word in (wanted.get("words") or "").split():
        anywhere = Q(target__icontains=word) | Q(reason__icontains=word) | Q(source__icontains=word)
        found = found.filter(anywhere | Q(before__icontains=word) | Q(after__icontains=word))
    if wanted.get("since"):
        found = found.filter(time__gte=datetime.combine(wanted["since"], time.min, UTC))
    if wanted.get("until"):
        found = found.filter(time__lt=datetime.combine(wanted["until"], time.min, UTC) + timedelta(days=1))
    return found


def entries_about(target: Model) -> QuerySet[Entry]:
    """Of one row, whatever it was called then; newest first."""
    return Entry.objects.filter(target__startswith=f"{target._meta.label_lower}:{target.pk} ").order_by("-sequence")


def plain(entry: Entry) -> dict[str, Any]:
    """Its fields, as they were written."""
    return {column: getattr(entry, column) for column in COLUMNS}


class _Line:
    """csv writes to it, and the line is what `write` returns."""

    def write(self, text: str) -> str:
        return text


def csv_lines(found: Iterable[Entry]) -> Iterator[str]:
    """In UTC; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for entry in found:
        yield writer.writerow([protected(_cell(entry, column)) for column in COLUMNS])


def protected(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cell(entry: Entry, column: str) -> str:
    value = getattr(entry, column)
    if column in ("before", "after"):
        return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return value.isoformat() if isinstance(value, datetime) else str(value)
