# SPDX-License-Identifier: GPL-2.0-or-later
"""Media mappings: an even/odd pair of external ports for each internal RTP endpoint (RFC 3550 §11, RFC 4787 §4.1).

Pairs are drawn at random and rest after use. Calls that use the same internal endpoint, as a redial while the last call
drains, share its pair: the kernel translates an endpoint in one way only. Connections outlive a call, too, so an
endpoint gets its own pair again as long as that rests, and nobody else does while there are others.
"""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.moment import Moment
from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint

QUARANTINE: Final = 30.0
"""Seconds before a port is another endpoint's, so that stragglers of the old call reach nobody."""
REST: Final = 150.0
"""Seconds before it is where others are free: until then the kernel may know connections of it."""


@dataclass(slots=True)
class Pair:
    port: int  # the even one
    rtp: Endpoint
    rtcp: Endpoint | None  # whom the odd one stands for
    calls: int
    outside: str = ""  # our address that it is a port of


class Rest(NamedTuple):
    """A pair that no call holds."""

    port: int
    until: Moment  # when its quarantine is over
    rtp: Endpoint  # whose it was


class NoPair(Exception):
    """No pair is left for this host; the message tells which limit."""


class PortPool:
    def __init__(self, ports: PortRange, random: Random, changes: Changes) -> None:
        self._random = random
        self._changes = changes
        self._pairs: dict[Endpoint, Pair] = {}
        self._by_port: dict[int, Pair] = {}  # by the even port
        self._pairs_of: Counts[str] = Counts()  # by internal host
        self._taken: set[int] = set()  # even ports, those in quarantine included
        self.resting: dict[int, Rest] = {}
        """By even port; what has rested longest comes first."""
        self._rested: dict[Endpoint, int] = {}  # the other way round
        self.set_range(ports)

    def set_range(self, ports: PortRange) -> None:
        """Draw new pairs from here; those in use stay with their calls."""
        self._first = ports.first + ports.first % 2
        self._size = max(0, (ports.last - self._first + 1) // 2)

    def __len__(self) -> int:
        """Pairs that calls hold; what is in quarantine does not count."""
        return len(self._pairs)

    def owner(self, port: int) -> Endpoint | None:
        """The internal endpoint that this external port stands for."""
        pair = self._by_port.get(port & ~1)
        if pair is None:
            return None
        return pair.rtcp if port % 2 else pair.rtp

    def pairs(self) -> list[Pair]:
        return list(self._pairs.values())

    def at(self, rtp: Endpoint) -> Pair | None:
        """The pair of this endpoint."""
        return self._pairs.get(rtp)

    def take(self, rtp: Endpoint, outside: str, share: int, now: float) -> int:
        """The even port of this endpoint's pair at that address of ours, for one call more. Raises NoPair.

        No host gets more than `share` percent of all pairs. A port is of one endpoint, whatever the address.
        """
        pair = self._pairs.get(rtp)
        if pair is None:
            if share < 100 and self._pairs_of[rtp.host] * 100 >= self._size * share:
                raise NoPair("media-ports-of-host")
            port = self._rested.get(rtp)
            if port is not None and self._is_drawn(port):
                self._wake(port)
            else:
                port = self._free(now)
            pair = Pair(port, rtp, None, 0, outside)
            self.add(pair)
        elif pair.outside != outside:
            raise NoPair("media-endpoint-has-another-address")  # the kernel translates it in one way only
        pair.calls += 1
        return pair.port

    def add(self, pair: Pair) -> None:
        """This pair is in use."""
        self._changes.note("pair", pair.rtp)
        self._pairs[pair.rtp] = self._by_port[pair.port] = pair
        self._pairs_of[pair.rtp.host] += 1
        self._taken.add(pair.port)

    def is_of_old_range(self, rtp: Endpoint) -> bool:
        """Whether its pair is none that would be drawn now: the broker lets a call have it no more, unless the kernel
        translates by it already."""
        return not self._is_drawn(self._pairs[rtp].port)

    def port_of(self, rtp: Endpoint) -> int:
        """The even port of a pair that is in use."""
        return self._pairs[rtp].port

    def draw_again(self, rtp: Endpoint, now: float) -> None:
        """Another pair for all calls that use this endpoint. Raises NoPair."""
        pair, port = self._pairs[rtp], self._free(now)
        del self._by_port[pair.port]
        self.rest(Rest(pair.port, now + QUARANTINE, rtp))
        pair.port = port
        self._by_port[port] = pair
        self._taken.add(port)
        self._changes.note("pair", rtp)

    def _is_drawn(self, port: int) -> bool:
        return self._first <= port < self._first + 2 * self._size

    def name_second(self, rtp: Endpoint, rtcp: Endpoint) -> None:
        """The odd port of this endpoint's pair stands for that one."""
        pair = self._pairs[rtp]
        if pair.rtcp != rtcp:
            pair.rtcp = rtcp
            self._changes.note("pair", rtp)

    def give_back(self, rtp: Endpoint, now: float) -> None:
        pair = self._pairs[rtp]
        pair.calls -= 1
        if not pair.calls:
            del self._pairs[rtp], self._by_port[pair.port]
            self._pairs_of[rtp.host] -= 1
            self._changes.note("pair", rtp)
            self.rest(Rest(pair.port, now + QUARANTINE, rtp))

    def rest(self, rest: Rest) -> None:
        """Do not give this pair to another endpoint before then."""
        self._taken.add(rest.port)
        self._changes.note("rest", rest.port)
        self.resting[rest.port] = rest
        self._rested[rest.rtp] = rest.port

    def _wake(self, port: int) -> None:
        """It rests no longer: its own endpoint has it again, or anybody may."""
        self._rested.pop(self.resting.pop(port).rtp, None)
        self._changes.note("rest", port)
        self._taken.discard(port)

    def _free(self, now: float) -> int:
        none_left = len(self._taken) >= self._size
        longest = 0.0 if none_left else REST - QUARANTINE
        while self.resting and (first := next(iter(self.resting.values()))).until + longest <= now:
            self._wake(first.port)
        start = self._random.randrange(self._size) if self._size else 0
        for step in range(self._size):
            port = self._first + 2 * ((start + step) % self._size)
            if port not in self._taken:
                return port
        raise NoPair("media-ports")
