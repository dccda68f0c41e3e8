# SPDX-License-Identifier: GPL-2.0-or-later
"""The history of calls: what is kept, for how long, and finding something in it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from appliance import veil
from appliance.sip.models import CallRecord, HistorySettings
from sipalg_core.contract import names


def history_settings() -> HistorySettings:
    return HistorySettings.objects.first() or HistorySettings()


def last_noted(node: str = names.NODE) -> float:
    """By the engine's clock; 0 where nothing is recorded."""
    noted: float | None = CallRecord.objects.filter(node=node).aggregate(last=Max("noted"))["last"]
    return noted or 0.0


def records(*, text: str = "", state: str = "", days: int | None = None, faults: bool = False) -> QuerySet[CallRecord]:
    """The youngest first. Every word of `text` must occur; one with a leading "-" must not.

    A number is not found by whoever may not see it: he could ask for one digit after the other.
    """
    found = CallRecord.objects.all()
    for word in text.casefold().split():
        excluded = word.startswith("-") and len(word) > 1
        occurs = _occurs(word[1:] if excluded else word)
        found = found.exclude(occurs) if excluded else found.filter(occurs)
    if state:
        found = found.filter(state=state)
    if days:
        found = found.filter(since__gte=timezone.now() - timedelta(days=days))
    if faults:
        found = found.filter(answered__isnull=False).exclude(Q(verdict=None) | Q(verdict__code__in=FAULTLESS))
    return found


FAULTLESS = ("audio-both", "on-hold")
"""Verdicts that are no fault."""


def _occurs(word: str) -> Q:
    if veil.hides():
        return Q(internal__icontains=word) | Q(provider__icontains=word) | Q(call_id__icontains=word)
    return Q(search__contains=word)


def party(uri: str | None) -> str:
    """ "sip:101@192.168.0.10:5060;transport=udp" is 101; where there is no user, the host."""
    bare = (uri or "").partition("<")[2].partition(">")[0] or (uri or "")
    for scheme in ("sips:", "sip:", "tel:"):
        if bare.lower().startswith(scheme):
            bare = bare[len(scheme) :]
            break
    user, at, host = bare.partition("@")
    return (user if at else user or host).partition(";")[0]
