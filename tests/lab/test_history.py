# SPDX-License-Identifier: GPL-2.0-or-later
"""No ended call is lost: not while Redis is away, and with it worker and beat, nor when the engine is killed."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from deploy.lab import supervision
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

PATIENCE = 30  # seconds; the worker reconnects, beat has its rhythm


def over(lab: RunningLab) -> str:
    """A call that was placed and hung up; returns its id."""
    with lab.place_call() as call:
        row = until(lambda: lab.call_row(call), 20)
        assert row
    return str(row["id"])


def written(lab: RunningLab, ident: str) -> dict[str, Any] | None:
    items = lab.get("calls/history")["items"]
    return next((each for each in items if each["ident"] == ident), None)


def test_call_that_ended_while_redis_was_away_is_written_afterwards(lab: RunningLab):
    with lab.ended("redis"):
        ident = over(lab)
        assert written(lab, ident) is None
    found = until(lambda: written(lab, ident), PATIENCE)
    assert found
    assert found["ending"]["code"] == "hung-up-inside"


def test_call_that_ended_just_before_the_engine_was_killed_is_written(lab: RunningLab):
    ident = over(lab)
    before = lab.pids["engine"]
    os.kill(before, signal.SIGKILL)
    found = until(lambda: written(lab, ident), PATIENCE)
    assert found
    assert found["state"] == "completed"
    assert until(lab.healthy, 60)
    lab.pids = supervision.pids()
