# SPDX-License-Identifier: GPL-2.0-or-later
"""Media mappings: an even/odd pair of external ports for each internal RTP endpoint (RFC 3550 §11, RFC 4787 §4.1).

Pairs are drawn at random and rest in quarantine after use. Calls that use the same internal endpoint, as a redial while
the last call drains, share its pair: the kernel translates an endpoint in one way only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint

QUARANTINE: Final = 30.0
"""Seconds before a port is announced again, so that stragglers of the old call reach nobody."""


@dataclass(slots=True)
class _Pair:
    port: int  # the even one
    calls: int


class PortPool:
    def __init__(self, ports: PortRange, random: Random) -> None:
        self._first = ports.first + ports.first % 2
        self._size = max(0, (ports.last - self._first + 1) // 2)
        self._random = random
        self._pairs: dict[Endpoint, _Pair] = {}
        self._taken: set[int] = set()
        self._quarantine: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        """Pairs that calls hold; what is in quarantine does not count."""
        return len(self._pairs)

    def take(self, internal: Endpoint, now: float) -> int | None:
        """The even port of this endpoint's pair, for one call more; None where none is free."""
        pair = self._pairs.get(internal)
        if pair is None:
            port = self._free(now)
            if port is None:
                return None
            pair = self._pairs[internal] = _Pair(port, 0)
        pair.calls += 1
        return pair.port

    def give_back(self, internal: Endpoint, now: float) -> None:
        pair = self._pairs[internal]
        pair.calls -= 1
        if not pair.calls:
            del self._pairs[internal]
            self._quarantine.append((now + QUARANTINE, pair.port))

    def _free(self, now: float) -> int | None:
        while self._quarantine and self._quarantine[0][0] <= now:
            self._taken.discard(self._quarantine.popleft()[1])
        if len(self._taken) >= self._size:
            return None
        start = self._random.randrange(self._size)
        for step in range(self._size):
            port = self._first + 2 * ((start + step) % self._size)
            if port not in self._taken:
                self._taken.add(port)
                return port
        return None
