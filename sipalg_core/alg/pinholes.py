# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of open pinholes: who holds which, since when, how many packets passed, and what time does to them.

Ids are random, so that those of an engine before us that are still in the kernel cannot be taken for ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Final, NamedTuple

from sipalg_core.alg import silences
from sipalg_core.alg.calls import MAX_CARRIED, Call, Hole
from sipalg_core.alg.changes import Changes
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, OpenPinhole
from sipalg_core.alg.ledger import Openings
from sipalg_core.alg.media import Want
from sipalg_core.alg.passage import Passage
from sipalg_core.alg.sayings import say
from sipalg_core.alg.verdicts import AUDIO_BOTH, Strays, of_call
from sipalg_core.contract.control import NO_PINHOLE, Counter, Pinhole, Stray
from sipalg_core.contract.events import ClosedBecause
from sipalg_core.net import Endpoint

# --- Implementation constants ---
COUNTS_TOLD: Final = 100
"""Openings whose packet counts alone are new, of which one count tells: of fifty calls all, of more each in turn."""


class Entry(NamedTuple):
    hole: Hole
    call: Call


class Ledger:
    def __init__(self, random: Random, changes: Changes) -> None:
        self._random = random
        self._changes = changes
        self._unseen: set[int] = set()  # asked for by no message, and not known to stand in the kernel
        self._entries: dict[int, Entry] = {}
        self._rtcp_at: dict[Endpoint, set[int]] = {}  # by external endpoint: which pinholes of RTCP there are
        self._untold: dict[int, None] = {}  # whose counts alone have grown, the longest untold first
        self._counted = 0.0
        self._strays = Strays()
        self.stray_packets = 0  # from outside, of all flows that fitted no pinhole
        self._unsettled: dict[str, Call] = {}  # whose audio does not flow both ways, or was not said to
        self.openings = Openings()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    @property
    def strays(self) -> Strays:
        return self._strays

    @property
    def counted(self) -> float:
        """When the kernel's counts came last."""
        return self._counted

    def get(self, ident: int) -> Entry | None:
        return self._entries.get(ident)

    def translates(self, rtp: Endpoint) -> bool:
        """Whether the kernel does, for this internal endpoint."""
        return any(entry.hole.pinhole.internal == rtp and not entry.hole.shadow for entry in self)

    def is_unseen(self, hole: Hole) -> bool:
        return hole.pinhole.id in self._unseen

    def open(
        self, want: Want, call: Call, passage: Passage, *, line: int, gate: bool, lifetime: float
    ) -> tuple[Hole, OpenPinhole]:
        """`passage` is the message that asks for it, by that m= line."""
        ident, now, message = self._random.getrandbits(63), passage.now, passage.message
        pinhole = Pinhole(ident, want.internal, want.mapped, want.external, lifetime)
        hole = Hole(
            pinhole, want.kind, want.component, gate, now, last_packet=now, renewed=now, line=line, shadow=call.shadow
        )
        method = message.method.decode("ascii", "replace")
        hole.opened_by = f"{message.status_code} {method}" if message.status_code else method
        hole.opened_from = passage.side.value
        self.adopt(hole, call)
        return hole, OpenPinhole(pinhole)

    def learn(self, hole: Hole, call: Call, source: Endpoint, now: float) -> tuple[Hole, OpenPinhole]:
        """Beside this one, whose media is heard from that source instead."""
        told = hole.pinhole
        pinhole = told._replace(id=self._random.getrandbits(63), external=source, learnt=True)
        made = Hole(
            pinhole, hole.kind, hole.component, False, now, last_packet=now, opened_by=hole.opened_by,
            opened_from=hole.opened_from, line=hole.line, renewed=now, instead_of=told.external,
        )  # fmt: skip
        self.adopt(made, call)
        self._unseen.add(pinhole.id)
        return made, OpenPinhole(pinhole)

    def adopt(self, hole: Hole, call: Call) -> None:
        self._entries[hole.pinhole.id] = Entry(hole, call)
        if hole.component == "rtcp":
            self._rtcp_at.setdefault(hole.pinhole.mapped, set()).add(hole.pinhole.id)

    def in_the_way(self, want: Want) -> list[Entry]:
        """Of a pinhole for RTCP, those that translate the same port of ours to where RTCP was wanted before."""
        known = (self._entries[ident] for ident in self._rtcp_at.get(want.mapped, ()))
        return [entry for entry in known if entry.hole.pinhole.internal != want.internal]

    def _leave(self, pinhole: Pinhole) -> None:
        here = self._rtcp_at.get(pinhole.mapped)
        if here is not None:
            here.discard(pinhole.id)
            if not here:
                del self._rtcp_at[pinhole.mapped]

    def restore(self, hole: Hole, call: Call, now: float) -> None:
        """Take over what another engine opened; `reconcile` will tell whether it stands."""
        hole.last_packet = hole.renewed = now
        self.adopt(hole, call)
        if not hole.shadow:
            self._unseen.add(hole.pinhole.id)

    def reconcile(self, counters: list[Counter], now: float) -> list[Effect]:
        """What the kernel has and what was taken over become one: nobody's pinholes are closed, those that the kernel
        ended are let go of, with the warning that it was for silence. Where it has none at all, where silence means
        nothing, or where there was no time for silence (an engine that died while it opened), they are opened again.
        """
        unseen, self._unseen = self._unseen, set()
        standing = {counter.id for counter in counters}
        effects: list[Effect] = [
            ClosePinhole(NO_PINHOLE._replace(id=ident)) for ident in standing if ident not in self._entries
        ]
        lost_all = unseen.isdisjoint(standing)
        for ident in unseen - standing:
            entry = self._entries.get(ident)
            if entry is None:
                continue
            hole = entry.hole
            if lost_all or hole.held or now - hole.opened < hole.pinhole.lifetime:
                self._unseen.add(ident)
                effects.append(OpenPinhole(hole.pinhole))
            else:
                effects += self._silent(entry, now)
        return effects

    def not_renewed(self, entry: Entry, now: float, *, away: bool) -> list[Effect]:
        """The broker did not take what no message asks for; the call goes on. Where it was `away` it is asked again
        soon. Where it refuses (a policy that allows no such opening), what stands stays until it is silent, and what
        does not is over."""
        hole, call = entry
        if away:
            hole.renewed = 0.0
            return []
        if hole.held:
            hole.renewed = now - hole.pinhole.lifetime / 2  # when it was last, see `age`
        hole.refused = True
        if call.alive:
            call.warning = say("opening-not-renewed")
        self._changes.note("call", call.id)
        effects: list[Effect] = [Changed("calls", call.id)]
        if self.is_unseen(hole):
            call.let_go(hole)
            effects += self.close(hole, now, "refused")
        return effects

    def forget(self, hole: Hole) -> None:
        if self._entries.pop(hole.pinhole.id, None) is not None:
            self._unseen.discard(hole.pinhole.id)
            self._leave(hole.pinhole)

    def close(
        self, hole: Hole, now: float, why: ClosedBecause, *, makes_room: bool = False
    ) -> list[ClosePinhole | Changed]:  # fmt: skip
        entry = self._entries.pop(hole.pinhole.id, None)
        if entry is not None:
            self._unseen.discard(hole.pinhole.id)
            self._leave(hole.pinhole)
            if not hole.active_in:
                silences.over(hole, entry.call, self._counted, inward=True)
            if not hole.active_out:
                silences.over(hole, entry.call, self._counted, inward=False)
            hole.active_in = hole.active_out = False
            self.openings.closed(hole, entry.call, now, why)
            hole.closed = now
            if hole.is_audio:
                entry.call.packets_in += hole.packets_in
                entry.call.packets_out += hole.packets_out
            if hole.is_audio and (hole.packets_in or hole.packets_out):
                entry.call.carried.append(hole)
                del entry.call.carried[:-MAX_CARRIED]
        gone = Changed("pinholes", str(hole.pinhole.id))
        return [gone] if hole.shadow else [ClosePinhole(hole.pinhole, makes_room), gone]

    def resume(self, hole: Hole, call: Call) -> None:
        """What stood in its place did not open: it goes on as if it had never been closed."""
        self.openings.resumed(hole)
        if hole.is_audio:
            call.packets_in -= hole.packets_in
            call.packets_out -= hole.packets_out
            call.carried = [each for each in call.carried if each is not hole]
        self.adopt(hole, call)

    def count(self, counters: list[Counter], now: float) -> tuple[list[Entry], list[ClosePinhole]]:
        """Take the kernel's packet counts; returns the entries of which something that people see has changed, and what
        closes the pinholes of which we do not know: an answer of the broker or a request to close them was lost.

        An arrow that goes on or off is told at once. Of thousands of streams whose counts only grow, all are told in
        turn: a row for each of them twice a second would be no news, and megabytes to every browser.
        """
        before, self._counted = self._counted, now
        changed: list[Entry] = []
        nobodys: list[ClosePinhole] = []
        for counter in counters:
            entry = self._entries.get(counter.id)
            if entry is None:
                nobodys.append(ClosePinhole(NO_PINHOLE._replace(id=counter.id)))
                continue
            hole = entry.hole
            was = (hole.active_in, hole.active_out)
            hole.active_in = counter.packets_in != hole.packets_in  # fewer: the element was made anew
            hole.active_out = counter.packets_out != hole.packets_out
            if hole.active_in and not was[0]:
                silences.over(hole, entry.call, before, inward=True)
            if hole.active_out and not was[1]:
                silences.over(hole, entry.call, before, inward=False)
            if hole.active_in or hole.active_out:
                hole.packets_in, hole.packets_out, hole.last_packet = counter.packets_in, counter.packets_out, now
                hole.last_in = now if hole.active_in else hole.last_in
                hole.last_out = now if hole.active_out else hole.last_out
            if hole.is_audio and not (hole.active_in and hole.active_out and entry.call.verdict == AUDIO_BOTH):
                self._unsettled[entry.call.id] = entry.call
            if was != (hole.active_in, hole.active_out):
                changed.append(entry)
                self._untold.pop(counter.id, None)
            elif hole.active_in or hole.active_out:
                self._untold[counter.id] = None
        for ident in list(islice(self._untold, COUNTS_TOLD)):
            del self._untold[ident]
            if entry := self._entries.get(ident):
                changed.append(entry)
        if self._unseen:
            self._unseen.difference_update(counter.id for counter in counters)
        return changed, nobodys

    def judge(self, strays: list[Stray], now: float) -> list[Call]:
        """Say what is wrong with the calls just counted whose audio does not flow; returns those with a new verdict.

        Silence after the hang-up is as it should be: a call that is over keeps the last word.
        """
        self.stray_packets += self._strays.update(strays, now)
        unsettled, self._unsettled = self._unsettled, {}
        changed = []
        for call in unsettled.values():
            if not call.alive:
                continue
            verdict = of_call(call, self._strays, now)
            if verdict != call.verdict:
                call.verdict = verdict
                changed.append(call)
        return changed

    def age(self, now: float) -> list[Effect]:
        """Renew what is on hold; close what has been silent for as long as the kernel waits, and say so.

        The call goes on (inactive media is not the end of a call); a new description opens the media again. Nothing
        is silent only because nobody counts: a broker that is away must not cost a call its audio.
        """
        effects: list[Effect] = []
        for entry in self:
            hole = entry.hole
            lifetime = hole.pinhole.lifetime
            held = hole.held and not hole.refused
            if hole.shadow:
                continue  # nobody counts what passes beside us
            if not hole.renewed or (held and now >= hole.renewed + lifetime / 2):
                hole.renewed = now
                effects += (OpenPinhole(hole.pinhole), Changed("pinholes", str(hole.pinhole.id)))
            elif not held and self._counted >= max(hole.last_packet, hole.renewed) + lifetime:
                effects += self._silent(entry, now)
        return effects

    def _silent(self, entry: Entry, now: float) -> list[ClosePinhole | Changed]:
        hole, call = entry
        call.let_go(hole)
        self._changes.note("call", call.id)
        effects = self.close(hole, now, "silent")
        if hole.is_audio and not hole.gate and call.alive and not any(each.is_audio for each in call.holes()):
            call.silence = round(hole.pinhole.lifetime)
            call.warning = say("media-timeout", seconds=call.silence)
            effects.append(Changed("calls", call.id))
        return effects
