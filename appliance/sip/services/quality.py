# SPDX-License-Identifier: GPL-2.0-or-later
"""Adding what was measured of media to the hour and provider that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from appliance.kernel.media_runs import MediaRun
from appliance.sip.models import QualityHour
from sipalg_core.contract import names
from sipalg_core.contract.events import OpeningRow


class _Key(NamedTuple):
    provider: str
    hour: datetime
    inward: bool


@transaction.atomic
def note_runs(runs: Iterable[MediaRun], openings: Iterable[OpeningRow], node: str = names.NODE) -> int:
    """How many were of a call's media; what fits no opening is nobody's and is left out."""
    oldest_first = reversed(list(openings))  # who has the port now has it
    providers = {row["internal"]: row["provider"] for row in oldest_first if row["component"] == "rtp"}
    sums: dict[_Key, list[MediaRun]] = {}
    for run in runs:
        for host, inward in ((run["source"], False), (run["destination"], True)):
            if host in providers:
                hour = datetime.fromtimestamp(run["at"] // 3600 * 3600, UTC)
                sums.setdefault(_Key(providers[host], hour, inward), []).append(run)
                break
    for key, fitting in sums.items():
        _add(key, fitting, node)
    return sum(map(len, sums.values()))


def _add(key: _Key, runs: list[MediaRun], node: str) -> None:
    row, _made = QualityHour.objects.get_or_create(node=node, **key._asdict())
    jitters = [run["jitter"] for run in runs if run["jitter"] is not None]
    worst = max((run["expected"] - run["received"]) / run["expected"] for run in runs)
    QualityHour.objects.filter(pk=row.pk).update(
        runs=F("runs") + len(runs),
        expected=F("expected") + sum(run["expected"] for run in runs),
        received=F("received") + sum(run["received"] for run in runs),
        jitter_runs=F("jitter_runs") + len(jitters),
        jitter_sum=F("jitter_sum") + sum(jitters),
        worst_loss=Greatest(F("worst_loss"), worst),
    )
