# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows of schedules: in local time, over midnight, across both changes of summer time."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from appliance.ruleset.policy import Policy, Rule, Schedule
from appliance.ruleset.schedule import AHEAD, resolve, windows

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = tuple(range(7))


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def shown(schedule, now):
    return [
        tuple(datetime.fromtimestamp(each, BERLIN).strftime("%a %d.%m. %H:%M") for each in window)
        for window in windows(schedule, local(now))
    ]


def test_two_weeks_of_office_hours_from_now_on():
    office = Schedule("Office", (0, 4), "08:00", "18:00", "Europe/Berlin")
    assert shown(office, "2026-11-20 12:00") == [
        ("Fri 20.11. 08:00", "Fri 20.11. 18:00"),
        ("Mon 23.11. 08:00", "Mon 23.11. 18:00"),
        ("Fri 27.11. 08:00", "Fri 27.11. 18:00"),
        ("Mon 30.11. 08:00", "Mon 30.11. 18:00"),
        ("Fri 04.12. 08:00", "Fri 04.12. 18:00"),
    ]


def test_local_time_stays_across_summer_time():
    """29 March 2026 has 23 hours, 25 October 25."""
    morning = Schedule("Morning", DAILY, "08:00", "09:00", "Europe/Berlin")
    for now in ("2026-03-28 12:00", "2026-10-24 12:00"):
        assert {span[0][-5:] + span[1][-5:] for span in shown(morning, now)} == {"08:0009:00"}


def test_night_lasts_into_the_next_day_and_began_yesterday():
    night = Schedule("Night", (6,), "22:00", "06:00", "Europe/Berlin")
    assert shown(night, "2026-11-23 05:00")[0] == ("Sun 22.11. 22:00", "Mon 23.11. 06:00")
    assert shown(night, "2026-11-23 06:00")[0] == ("Sun 29.11. 22:00", "Mon 30.11. 06:00")


def test_whole_days_are_one_window():
    assert len(windows(Schedule("Always", DAILY, "00:00", "00:00", "Europe/Berlin"), local("2026-11-23 05:00"))) == 1


@given(
    st.sets(st.integers(0, 6), min_size=1), st.times(), st.times(), st.integers(1_700_000_000, 2_000_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)  # fmt: skip
def test_windows_are_in_order_apart_and_not_over(days, begin, end, now, zone):
    schedule = Schedule("x", tuple(days), begin.isoformat("minutes"), end.isoformat("minutes"), zone)
    found = windows(schedule, now)
    assert all(window.first < window.last and window.last > now for window in found)
    assert all(earlier.last < later.first for earlier, later in pairwise(found))
    assert all(window.first < now + AHEAD.total_seconds() + 86_400 for window in found)


def test_rule_that_nobody_resolved_is_never_active():
    rule = Rule(1, 1, "a", "accept", schedule=Schedule("x", DAILY, "00:00", "12:00", "UTC"), until=50_000)
    assert rule.activity == ()
    (resolved,) = resolve(Policy(1, "local", rules=(rule,)), 0).rules
    assert resolved.activity == ((0, 43_200),)
