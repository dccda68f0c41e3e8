# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of a SIP rule, and of a trial, with everything dead that could tell the ALG."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from appliance.live.control import engine_snapshot
from deploy.lab import topology
from deploy.lab.calls import CallFailed
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

CONSOLE = ("web", "worker", "beat", "netadmin", "redis")
LEFT = 12
"""Seconds until the rule ends: enough to apply it, and to place a call."""


@pytest.fixture
def ending(lab: RunningLab) -> Iterator[float]:
    """The laboratory's SIP rule has an end; when, in Unix seconds."""
    (rule,) = [each for each in lab.get("rules?table=forward")["items"] if each["service"] == "SIP"]
    at = int(time.time()) + LEFT
    lab.request("PATCH", f"rules/{rule['id']}", {"version": rule["version"], "until": _iso(at)})
    lab.apply("the rule ends soon")
    yield at
    assert until(lambda: _console_answers(lab), 20)
    rule = lab.get(f"rules/{rule['id']}")
    lab.request("PATCH", f"rules/{rule['id']}", {"version": rule["version"], "until": None})
    lab.apply("without end again")
    lab.down()  # the phones begin anew
    lab.up()


def _console_answers(lab: RunningLab) -> bool:
    try:
        return bool(lab.get("health"))
    except (AssertionError, OSError):
        return False


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _outward(lab: RunningLab, seconds: float) -> list[bytes]:
    """What left by the outside wire, from our address or an inside one."""
    with lab.capture("fw", "wan0") as packets:
        time.sleep(seconds)
    inside = (topology.APPLIANCE_OUTSIDE, topology.PBX, *topology.PHONES)
    return [packet.payload for packet in packets if packet.source[0] in inside]


@pytest.mark.parametrize("dead", [CONSOLE, (*CONSOLE, "engine")], ids=["console", "console and engine"])
def test_calls_and_signalling_end_at_the_second_with_nobody_told(
    lab: RunningLab, ending: float, dead: tuple[str, ...]
) -> None:
    with lab.cut_call() as call:
        assert until(lambda: lab.audible(call), 20)
        with lab.ended(*dead):
            assert time.time() < ending - 1.5
            time.sleep(max(0.0, ending - 1.2 - time.time()))
            assert len(_outward(lab, 0.5)) > 15  # 50 packets a second
            time.sleep(ending + 1 - time.time())
            assert _outward(lab, 2.0) == []
            if "engine" not in dead:
                rows = [row for row in engine_snapshot("calls")["rows"] if row["call_id"] == call.id]  # type: ignore[typeddict-item]
                assert [row["reason"] for row in rows] in ([], ["the time of its rule is over"])  # type: ignore[typeddict-item]
            with pytest.raises(CallFailed):
                lab.place_call("inbound", patience=2)


def test_trial_that_nobody_keeps_ends_for_the_alg_with_the_console_dead(lab: RunningLab) -> None:
    """The trial takes the phones' rule away; 30 s later calls work again, and nobody has told the ALG."""
    (rule,) = [each for each in lab.get("rules?table=forward")["items"] if each["service"] == "SIP"]
    lab.request("PATCH", f"rules/{rule['id']}", {"version": rule["version"], "enabled": False})
    try:
        number = lab.request("POST", "apply", {"reason": "a mistake", "confirm_within": 30})["number"]
        assert until(lambda: lab.get(f"revisions/{number}")["state"] == "waiting", 20)
        began = time.monotonic()
        with lab.ended(*CONSOLE):
            with pytest.raises(CallFailed):
                lab.place_call(patience=2)
            time.sleep(began + 31 - time.monotonic())
            (health,) = engine_snapshot("health")["rows"]
            assert health["revision"] < number  # type: ignore[typeddict-item]
            with lab.cut_call() as call:
                assert until(lambda: any(row["call_id"] == call.id and row["state"] == "in_call"  # type: ignore[typeddict-item]
                                         for row in engine_snapshot("calls")["rows"]), 3)  # fmt: skip
        assert until(lambda: _console_answers(lab), 20)
        assert until(lambda: lab.get(f"revisions/{number}")["state"] == "rolled_back", 20)
    finally:
        assert until(lambda: _console_answers(lab), 20)
        rule = lab.get(f"rules/{rule['id']}")
        lab.request("PATCH", f"rules/{rule['id']}", {"version": rule["version"], "enabled": True})
