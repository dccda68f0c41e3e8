# SPDX-License-Identifier: GPL-2.0-or-later
"""Time limits in the kernel, to the second, for new and for open connections, with nothing of ours running."""

import time
from types import SimpleNamespace

import pytest

from appliance.ruleset import apply as applying
from appliance.ruleset.apply import apply
from appliance.ruleset.policy import Address, Policy, Rule, Schedule, Service
from appliance.ruleset.schedule import resolve
from tests.lab.ruleset_rig import HOST, INTERFACES, OUTSIDE, PEER, namespaces, passes

pytestmark = pytest.mark.lab

WEB = Service("Web", "tcp", "80")
TARGET = Address("Target", (HOST,))


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    with namespaces() as wire:
        yield wire


def load(wire, *rules):
    policy = Policy(1, "local", INTERFACES, rules)
    wire.inside(apply, resolve(policy, time.time()), wire.kernel)


def ended_at(connection, deadline):
    """When the open connection stopped to carry, as seen from here."""
    while passes(*connection):
        assert time.time() < deadline + 5, "still open"
        time.sleep(0.05)
    return time.time()


@pytest.mark.parametrize("name", ["forward", "dnat", "both", "extended"])
def test_open_connection_and_new_ones_end_together_to_the_second(wire, name):
    until = int(time.time()) + 3
    forward = Rule(1, 1, "out", "accept", service=WEB, until=until)
    dnat = Rule(2, 1, "in", "dnat", service=WEB, table="dnat", target=TARGET, until=until)
    rules, source, target, at = {
        "forward": ((forward,), HOST, PEER, None),
        "dnat": ((dnat,), PEER, OUTSIDE, HOST),
        "both": ((dnat, Rule(3, 1, "in", "accept", service=WEB, until=until + 600)), PEER, OUTSIDE, HOST),
        "extended": ((Rule(1, 1, "out", "accept", service=WEB, until=until + 600),), HOST, PEER, None),
    }[name]
    load(wire, *rules)
    with wire.connection(source, target, 80, at=at) as connection:
        assert passes(*connection)
        if name == "extended":
            load(wire, forward)  # shortened while the connection is open
        ended = ended_at(connection, until)
    assert until - 0.3 <= ended <= until + 1
    assert wire.reach(source, target, 80, at=at, kind="tcp") is None


def test_connection_that_no_limit_let_in_stays(wire):
    until = int(time.time()) + 1
    load(
        wire,
        Rule(1, 1, "first", "accept", service=Service("Other", "tcp", "81"), until=until),
        Rule(2, 2, "second", "accept", service=WEB),
    )
    with wire.connection(HOST, PEER, 80) as connection:
        time.sleep(max(0.0, until + 0.3 - time.time()))
        assert passes(*connection)


def test_limited_drop_lets_pass_what_stands_behind_it_afterwards(wire):
    until = int(time.time()) + 2
    load(wire, Rule(1, 1, "now", "drop", until=until), Rule(2, 2, "then", "accept"))
    assert wire.reach(HOST, PEER, 80) is None
    time.sleep(max(0.0, until + 0.1 - time.time()))
    assert wire.reach(HOST, PEER, 80) == HOST


def test_expired_rule_lets_nothing_pass_and_cuts_whatever_the_clock_says(wire):
    """As after a clock that was set back: its end lies in the future again."""
    until = int(time.time()) + 600
    load(wire, Rule(1, 1, "out", "accept", service=WEB, until=until))
    with wire.connection(HOST, PEER, 80) as connection:
        load(wire, Rule(1, 1, "out", "accept", service=WEB, until=until, expired=True))
        assert not passes(*connection)
    assert wire.reach(HOST, PEER, 80, kind="tcp") is None


@pytest.mark.parametrize("days", [1, 366, 9999])
def test_end_that_is_far_away_is_taken_by_the_kernel(wire, days):
    load(wire, Rule(1, 1, "out", "accept", service=WEB, until=int(time.time()) + days * 86400))
    assert wire.reach(HOST, PEER, 80, kind="tcp") == HOST


@pytest.mark.parametrize("table", ["forward", "dnat"])
def test_clock_that_is_set_back_opens_nothing_again_with_nobody_there(wire, monkeypatch, table):
    """It was ten minutes ahead when the rules were loaded, and is not any more when they end."""
    ahead = 600
    monkeypatch.setattr(
        applying, "time", SimpleNamespace(time=lambda: time.time() + ahead, monotonic=time.monotonic)
    )  # fmt: skip
    ends = time.time() + 3
    limited = {"service": WEB, "until": int(ends + ahead)}
    rules, source, target, at = {
        "forward": (Rule(1, 1, "out", "accept", **limited), HOST, PEER, None),
        "dnat": (Rule(1, 1, "in", "dnat", table="dnat", target=TARGET, **limited), PEER, OUTSIDE, HOST),
    }[table]
    now_dropped = Rule(2, 2, "drop", "drop", service=Service("Other", "tcp", "81"), until=int(ends + ahead))
    load(wire, rules, now_dropped, Rule(3, 3, "then", "accept", service=now_dropped.service))
    assert wire.reach(HOST, PEER, 81, kind="tcp") is None
    with wire.connection(source, target, 80, at=at) as connection:
        assert passes(*connection)
        ended_at(connection, ends)
    assert time.time() < limited["until"] - 60, "by the clock it would act yet"
    assert wire.reach(source, target, 80, at=at, kind="tcp") is None
    assert wire.reach(HOST, PEER, 81, kind="tcp") == HOST


@pytest.mark.parametrize("zone", ["Australia/Sydney", "America/New_York"])
def test_no_zone_and_no_summer_time_moves_an_end(wire, monkeypatch, zone):
    """Of the two one has summer time now, whenever that is; to the kernel an end is seconds since 1970, as to us."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        until = int(time.time()) + 4
        far = Rule(2, 2, "far", "accept", service=Service("Other", "tcp", "81"), until=until + 182 * 86400)
        load(wire, Rule(1, 1, "out", "accept", service=WEB, until=until), far)
        with wire.connection(HOST, PEER, 80) as connection, wire.connection(HOST, PEER, 81) as next_season:
            ended = ended_at(connection, until)
            assert passes(*next_season)
        assert until - 0.3 <= ended <= until + 1
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("begin", "end", "open_now"), [(-60, 60, True), (60, 120, False), (-120, -60, False)])
def test_schedule_opens_in_its_window_only(wire, begin, end, open_now):
    now = time.time()
    begins, ends = (time.strftime("%H:%M", time.gmtime(now + minutes * 60)) for minutes in (begin, end))
    always = Schedule("x", tuple(range(7)), begins, ends, "UTC")
    load(wire, Rule(1, 1, "out", "accept", service=WEB, schedule=always))
    assert (wire.reach(HOST, PEER, 80, kind="tcp") == HOST) is open_now
