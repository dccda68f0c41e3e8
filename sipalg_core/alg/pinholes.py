# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of open pinholes: who holds which, since when, and how many packets passed.

Ids are random, so that those of an engine before us that are still in the kernel cannot be taken for ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sipalg_core.alg.calls import Call, Hole
from sipalg_core.alg.effects import ClosePinhole, OpenPinhole
from sipalg_core.alg.media import Want
from sipalg_core.contract.control import Counter, Pinhole


class Ledger:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._holes: dict[int, Hole] = {}

    def __len__(self) -> int:
        return len(self._holes)

    def __iter__(self) -> Iterator[Hole]:
        return iter(self._holes.values())

    def get(self, ident: int) -> Hole | None:
        return self._holes.get(ident)

    def open(self, want: Want, call: Call, *, gate: bool, lifetime: float, now: float) -> tuple[Hole, OpenPinhole]:
        ident = self._random.getrandbits(63)
        pinhole = Pinhole(ident, want.internal, want.mapped, want.external, lifetime)
        hole = self._holes[ident] = Hole(pinhole, call, want.kind, want.component, gate, now, last_packet=now)
        return hole, OpenPinhole(pinhole)

    def close(self, hole: Hole) -> ClosePinhole:
        if self._holes.pop(hole.pinhole.id, None) is not None and hole.is_audio:
            hole.call.packets_in += hole.packets_in
            hole.call.packets_out += hole.packets_out
        return ClosePinhole(hole.pinhole)

    def count(self, counters: list[Counter], now: float) -> list[Hole]:
        """Take the kernel's packet counts; returns the holes of which something that people see has changed."""
        changed = []
        for counter in counters:
            hole = self._holes.get(counter.id)
            if hole is None:
                continue
            was = (hole.active_in, hole.active_out)
            hole.active_in = counter.packets_in > hole.packets_in
            hole.active_out = counter.packets_out > hole.packets_out
            if hole.active_in or hole.active_out:
                hole.packets_in, hole.packets_out, hole.last_packet = counter.packets_in, counter.packets_out, now
            if hole.active_in or hole.active_out or was != (False, False):
                changed.append(hole)
        return changed
