# SPDX-License-Identifier: GPL-2.0-or-later
"""The history of calls, written by a worker: the engine keeps ended calls for minutes, so nobody must be quick."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from appliance.live.control import EngineUnavailable, engine_items
from appliance.sip import services
from appliance.sip.queries import last_noted

CLOCK_STEP: Final = 1.0
"""Seconds that the engine's clock may be ahead of ours; more means that ours was set back since."""
MOST_ANSWERS: Final = 40


@shared_task
def record_calls() -> int:
    """Write what ended since the last time. How many calls that were; 0 as well where the engine is silent."""
    after = last_noted()
    if after > time.time() + CLOCK_STEP:
        after = 0.0  # read all that is kept: what is known is written anew
    recorded = 0
    for _ in range(MOST_ANSWERS):
        try:
            ended = engine_items("ended", after=after)
        except EngineUnavailable:
            break
        if not ended:
            break
        recorded += services.note_ended(ended)  # type: ignore[arg-type]  # rows are JSON objects
        after = ended[-1]["noted"]
    return recorded


@shared_task
def forget_calls() -> int:
    return services.forget_old()
