# SPDX-License-Identifier: GPL-2.0-or-later
"""Recurring schedules as absolute windows of time, because nft's own `meta hour` and `meta day` go wrong at DST.

nft converts `meta hour` with the offset at loading and `meta day` not at all; Unix seconds mean the same all year.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from appliance.ruleset.policy import Policy, Schedule, Window

AHEAD: Final = timedelta(days=14)
"""How far the kernel knows the windows; netadmin extends them every day (system.tasks)."""


def resolve(policy: Policy, now: float) -> Policy:
    """The policy with the windows of its scheduled rules from `now` (Unix seconds) on; run before compile."""
    return replace(
        policy,
        rules=tuple(
            replace(rule, windows=windows(rule.schedule, now)) if rule.schedule else rule for rule in policy.rules
        ),
    )


def windows(schedule: Schedule, now: float) -> tuple[Window, ...]:
    """Those that end after `now` and begin within AHEAD, in order, joined where they touch."""
    zone = ZoneInfo(schedule.timezone)
    begin, end = time.fromisoformat(schedule.begin), time.fromisoformat(schedule.end)
    today = datetime.fromtimestamp(now, zone).date()
    found: list[Window] = []
    for offset in range(-1, AHEAD.days + 1):  # yesterday's may last until today
        day = today + timedelta(days=offset)
        if day.weekday() not in schedule.weekdays:
            continue
        window = Window(_epoch(day, begin, zone), _epoch(day + timedelta(days=end <= begin), end, zone))
        if window.last <= now or window.last <= window.first:
            continue
        if found and window.first <= found[-1].last:
            found[-1] = Window(found[-1].first, window.last)
        else:
            found.append(window)
    return tuple(found)


def _epoch(day: date, at: time, zone: ZoneInfo) -> int:
    """Of a local time. What DST skips is read with the offset before it (PEP 495, fold 0)."""
    return int(datetime.combine(day, at, zone).astimezone(UTC).timestamp())
