# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that are over, for whoever writes the history: kept for some minutes, so that nobody must be quick."""

from __future__ import annotations

from collections import Counter as Counts
from collections import deque
from typing import Final

from sipalg_core.alg.calls import Call

# --- Implementation constants ---
KEPT: Final = 900.0  # seconds
MAX_ENDED: Final = 10_000
MAX_TOLD: Final = 500
"""Calls in one answer; who gets so many asks again."""


class History:
    """In the order of their ends. A call that ends twice, since a 200 crossed its CANCEL, is there twice."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, Call]] = deque()
        self._times: Counts[str] = Counts()  # of each id: how often it is there

    def __contains__(self, call: Call) -> bool:
        return call.id in self._times

    def note(self, call: Call, now: float) -> None:
        self._ended.append((now, call))
        self._times[call.id] += 1
        while self._ended[0][0] < now - KEPT or len(self._ended) > MAX_ENDED:
            oldest = self._ended.popleft()[1].id
            self._times[oldest] -= 1
            if not self._times[oldest]:
                del self._times[oldest]

    def get(self, ident: str) -> Call | None:
        return next((call for _, call in reversed(self._ended) if call.id == ident), None)

    def of_call_id(self, call_id: bytes) -> list[Call]:
        return [call for _, call in self._ended if call.call_id == call_id]

    def after(self, moment: float) -> list[tuple[float, Call]]:
        """The oldest first, from those that were noted later than that."""
        found = []
        for noted, call in self._ended:
            if noted > moment:
                found.append((noted, call))
                if len(found) == MAX_TOLD:
                    break
        return found
