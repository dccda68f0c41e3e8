# SPDX-License-Identifier: GPL-2.0-or-later
"""The pool of external media ports: even/odd pairs at random, with a quarantine after use (RFC 3550 §11)."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Final

from sipalg_core.contract.policy import PortRange

QUARANTINE: Final = 30.0
"""Seconds before a port is announced again, so that stragglers of the old call reach nobody."""


class PortPool:
    def __init__(self, ports: PortRange, random: Random) -> None:
        self._first = ports.first + ports.first % 2
        self._pairs = max(0, (ports.last - self._first + 1) // 2)
        self._random = random
        self._taken: set[int] = set()
        self._quarantine: deque[tuple[float, int]] = deque()

    @property
    def in_use(self) -> int:
        """Pairs that calls hold; what is in quarantine does not count."""
        return len(self._taken) - len(self._quarantine)

    def take(self, now: float) -> int | None:
        """The even port of a free pair, or None where all are in use."""
        while self._quarantine and self._quarantine[0][0] <= now:
            self._taken.discard(self._quarantine.popleft()[1])
        if len(self._taken) >= self._pairs:
            return None
        start = self._random.randrange(self._pairs)
        for step in range(self._pairs):
            port = self._first + 2 * ((start + step) % self._pairs)
            if port not in self._taken:
                self._taken.add(port)
                return port
        return None

    def give_back(self, port: int, now: float) -> None:
        self._quarantine.append((now + QUARANTINE, port))
