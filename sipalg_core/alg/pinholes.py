# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of open pinholes: who holds which, since when, how many packets passed, and what time does to them.

Ids are random, so that those of an engine before us that are still in the kernel cannot be taken for ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from sipalg_core.alg.calls import Call, Hole
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, OpenPinhole
from sipalg_core.alg.media import Want
from sipalg_core.contract.control import Counter, Pinhole


class Entry(NamedTuple):
    hole: Hole
    call: Call


class Ledger:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._entries: dict[int, Entry] = {}
        self._counted = 0.0  # when the kernel's counts came last

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, ident: int) -> Entry | None:
        return self._entries.get(ident)

    def open(self, want: Want, call: Call, *, gate: bool, lifetime: float, now: float) -> tuple[Hole, OpenPinhole]:
        ident = self._random.getrandbits(63)
        pinhole = Pinhole(ident, want.internal, want.mapped, want.external, lifetime)
        hole = Hole(pinhole, want.kind, want.component, gate, now, last_packet=now, renewed=now, shadow=call.shadow)
        self.adopt(hole, call)
        return hole, OpenPinhole(pinhole)

    def adopt(self, hole: Hole, call: Call) -> None:
        self._entries[hole.pinhole.id] = Entry(hole, call)

    def close(self, hole: Hole) -> list[ClosePinhole | Changed]:
        entry = self._entries.pop(hole.pinhole.id, None)
        if entry is not None and hole.is_audio:
            entry.call.packets_in += hole.packets_in
            entry.call.packets_out += hole.packets_out
        gone = Changed("pinholes", str(hole.pinhole.id))
        return [gone] if hole.shadow else [ClosePinhole(hole.pinhole), gone]

    def count(self, counters: list[Counter], now: float) -> list[Entry]:
        """Take the kernel's packet counts; returns the entries of which something that people see has changed."""
        self._counted = now
        changed = []
        for counter in counters:
            entry = self._entries.get(counter.id)
            if entry is None:
                continue
            hole = entry.hole
            was = (hole.active_in, hole.active_out)
            hole.active_in = counter.packets_in != hole.packets_in  # fewer: the element was made anew
            hole.active_out = counter.packets_out != hole.packets_out
            if hole.active_in or hole.active_out:
                hole.packets_in, hole.packets_out, hole.last_packet = counter.packets_in, counter.packets_out, now
            if hole.active_in or hole.active_out or was != (False, False):
                changed.append(entry)
        return changed

    def age(self, now: float) -> list[Effect]:
        """Renew what is on hold; close what has been silent for as long as the kernel waits, and say so.

        The call goes on (inactive media is not the end of a call); a new description opens the media again. Nothing
        is silent only because nobody counts: a broker that is away must not cost a call its audio.
        """
        effects: list[Effect] = []
        for hole, call in self:
            lifetime = hole.pinhole.lifetime
            if hole.shadow:
                continue  # nobody counts what passes beside us
            if hole.held:
                if now >= hole.renewed + lifetime / 2:
                    hole.renewed = hole.last_packet = now
                    effects += (OpenPinhole(hole.pinhole), Changed("pinholes", str(hole.pinhole.id)))
            elif self._counted >= hole.last_packet + lifetime:
                call.let_go(hole)
                effects += self.close(hole)
                if hole.is_audio and not hole.gate and call.alive and not any(each.is_audio for each in call.holes()):
                    call.warning = f"no media for {lifetime:.0f} s: closed, the call stays"
                    effects.append(Changed("calls", call.id))
        return effects
