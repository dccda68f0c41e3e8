# SPDX-License-Identifier: GPL-2.0-or-later
"""What the history kept of a call's media, as it is drawn: a bar for each direction, with a gap for each silence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from appliance.sip.models import CallRecord
from sipalg_core.contract.events import MediaRow, SilenceRow

# --- Implementation constants ---

LENGTH: Final = 1000
"""Of a bar, in its own units."""
SHORTEST: Final = 4
"""Of a gap in it, so that it is seen."""


class Gap(NamedTuple):
    x: float
    width: float
    since: datetime
    until: datetime


class Bar(NamedTuple):
    inward: bool
    external: str
    packets: int
    opened: datetime
    closed: datetime
    gaps: list[Gap]


def kept_media(record: CallRecord) -> list[Bar]:
    """Outward and inward of each stream; a direction without packets has no gaps, since it is nothing else."""
    bars = []
    for row in record.media:
        bars.append(_bar(row, row["packets_out"], row["silent_out"], inward=False))
        bars.append(_bar(row, row["packets_in"], row["silent_in"], inward=True))
    return bars


def _bar(row: MediaRow, packets: int, silences: list[SilenceRow], *, inward: bool) -> Bar:
    opened, closed = row["opened"], row["closed"]
    scale = LENGTH / max(closed - opened, 1.0)
    gaps = []
    for silence in silences if packets else ():
        since, until = silence["since"], silence["until"] or closed
        width = min(max((until - since) * scale, SHORTEST), LENGTH)
        gaps.append(Gap(min((since - opened) * scale, LENGTH - width), width, _moment(since), _moment(until)))
    return Bar(inward, row["external"], packets, _moment(opened), _moment(closed), gaps)


def _moment(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
