# SPDX-License-Identifier: GPL-2.0-or-later
"""The pool of external media ports: even/odd pairs at random, with a quarantine after use (RFC 3550 §11)."""

from __future__ import annotations

from collections import Counter as Counts
from collections import deque
from random import Random
from typing import Final

from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint

QUARANTINE: Final = 30.0
"""Seconds before a port is announced again, so that stragglers of the old call reach nobody."""


class NoPair(Exception):
    """No pair is left for this host; the message tells which limit."""


class PortPool:
    """Each port knows the internal endpoint that it stands for."""

    def __init__(self, ports: PortRange, random: Random) -> None:
        self._random = random
        self._owners: dict[int, Endpoint] = {}  # both ports of a pair, where both are used
        self._taken: set[int] = set()  # even ports, those in quarantine included
        self._pairs_of: Counts[str] = Counts()  # by internal host
        self._quarantine: deque[tuple[float, int]] = deque()
        self.set_range(ports)

    def set_range(self, ports: PortRange) -> None:
        """Take new pairs from here; those in use stay with their calls."""
        self._first = ports.first + ports.first % 2
        self._pairs = max(0, (ports.last - self._first + 1) // 2)

    @property
    def in_use(self) -> int:
        """Pairs that calls hold; what is in quarantine does not count."""
        return len(self._taken) - len(self._quarantine)

    def owner(self, port: int) -> Endpoint | None:
        """The internal endpoint that this external port stands for."""
        return self._owners.get(port)

    def take(self, owner: Endpoint, share: int, now: float) -> int:
        """The even port of a free pair; no host gets more than `share` percent of all. Raises NoPair."""
        while self._quarantine and self._quarantine[0][0] <= now:
            self._taken.discard(self._quarantine.popleft()[1])
        if self._pairs_of[owner.host] * 100 >= self._pairs * share:
            raise NoPair("media-ports-of-host" if share < 100 else "media-ports")
        start = self._random.randrange(self._pairs)
        for step in range(self._pairs):
            port = self._first + 2 * ((start + step) % self._pairs)
            if port not in self._taken:
                self.hold(port, owner)
                return port
        raise NoPair("media-ports")

    def hold(self, port: int, owner: Endpoint) -> None:
        """This pair is the owner's."""
        self._taken.add(port)
        self._owners[port] = owner
        self._pairs_of[owner.host] += 1

    def name_second(self, port: int, owner: Endpoint) -> None:
        """The second port of the pair at `port` stands for this endpoint (RTCP)."""
        self._owners[port + 1] = owner

    def owners(self) -> list[tuple[int, Endpoint]]:
        return list(self._owners.items())

    def quarantine(self) -> list[tuple[float, int]]:
        """When each port that rests is free again."""
        return list(self._quarantine)

    def restore(self, owners: list[tuple[int, Endpoint]], quarantine: list[tuple[float, int]]) -> None:
        """Take over what another pool had given out."""
        for port, owner in owners:
            if port % 2:
                self._owners[port] = owner
            else:
                self.hold(port, owner)
        self._quarantine = deque(quarantine)
        self._taken.update(port for _, port in quarantine)

    def give_back(self, port: int, now: float) -> None:
        owner = self._owners.pop(port)
        self._owners.pop(port + 1, None)
        self._pairs_of[owner.host] -= 1
        self._quarantine.append((now + QUARANTINE, port))
