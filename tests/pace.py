# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast this machine is at the moment, beside the idle one on which the tests' seconds were set: never faster.

What goes by the clock asks here, so that a slow or busy machine fails no test; what hangs or has become quadratic does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Final

REFERENCE: Final = 0.02
"""Seconds that WORK takes there."""
TRIES: Final = 5


def _work() -> int:
    found = 0
    for number in range(1_000_000):
        found += number & 3
    return found


def _spent(clock: Callable[[], float]) -> float:
    began = clock()
    _work()
    return clock() - began


@cache
def of_processor() -> float:
    """How many times slower its processors are, whatever else they do: for budgets in seconds of CPU."""
    return max(1.0, min(_spent(time.thread_time) for _ in range(TRIES)) / REFERENCE)


def of_clock() -> float:
    """How many times slower somebody gets anything done now, beside all the others: for budgets in seconds."""
    return max(1.0, max(_spent(time.perf_counter) for _ in range(TRIES)) / REFERENCE)
