# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing the history of calls, forgetting what is too old, and its settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.sip.models import CallRecord, HistorySettings, QualityHour
from appliance.sip.models.calls import Masking
from appliance.sip.queries.history import history_settings, party
from sipalg_core.contract import names
from sipalg_core.contract.events import EndedRow

_LAST_DIGITS: Final = re.compile(r"\d{1,3}(?=\D*$)")
_KEPT_AS_IT_WAS: Final = ("node", "ident")


def note_ended(ended: Iterable[EndedRow], node: str = names.NODE) -> int:
    """Write calls that are over; one that is known already is written anew. How many there were."""
    masking = history_settings().masking
    records = {row["call"]["id"]: _record(row, node, masking) for row in ended}
    fields = [field.name for field in CallRecord._meta.fields if field.name not in ("id", *_KEPT_AS_IT_WAS)]
    CallRecord.objects.bulk_create(
        records.values(), update_conflicts=True, unique_fields=_KEPT_AS_IT_WAS, update_fields=fields
    )
    return len(records)


@transaction.atomic
def update_history(*, actor: User | str, retention_days: int, masking: str) -> HistorySettings:
    """From now on; what is older is forgotten within the hour, and what is recorded keeps its numbers."""
    settings = history_settings()
    before = _describe(settings)
    settings.retention_days, settings.masking = retention_days, masking
    settings.full_clean()
    settings.save()
    record(actor=actor, verb="update", target=settings, before=before, after=_describe(settings))
    return settings


def forget_old() -> int:
    """What is older than the settings keep it, and figures on quality with it. How many calls that were."""
    before = timezone.now() - timedelta(days=history_settings().retention_days)
    QualityHour.objects.filter(hour__lt=before).delete()
    return CallRecord.objects.filter(ended__lt=before).delete()[0]


def masked(number: str, masking: str) -> str:
    if masking == Masking.ALL:
        return "–"
    return _LAST_DIGITS.sub(lambda digits: "x" * len(digits[0]), number) if masking == Masking.LAST else number


def _describe(settings: HistorySettings) -> dict[str, object]:
    return {"retention_days": settings.retention_days, "masking": settings.masking}


def _record(row: EndedRow, node: str, masking: str) -> CallRecord:
    call = row["call"]
    numbers = [masked(party(uri), masking)[:120] for uri in (call["from_uri"], call["to_uri"])]
    ended = call["ended"] if call["ended"] is not None else row["noted"]
    return CallRecord(
        node=node,
        ident=call["id"],
        noted=row["noted"],
        call_id=call["call_id"][:255],
        direction=call["direction"],
        from_number=numbers[0],
        to_number=numbers[1],
        search=" ".join([*numbers, call["internal"], call["provider"], call["call_id"]]).casefold(),
        internal=call["internal"],
        provider=call["provider"],
        rule=call["rule"],
        state=call["state"],
        codec=call["codec"][:40],
        since=_moment(call["since"]),
        answered=_moment(call["answered"]) if call["answered"] is not None else None,
        ended=_moment(ended),
        packets_in=call["audio_in"]["packets"],
        packets_out=call["audio_out"]["packets"],
        media=row["media"],
        ending=call["ending"],
        verdict=call["verdict"],
    )


def _moment(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
