# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that comes from elsewhere than its description said: whose it is, where the operator lets that be learnt.

A source is learnt for one stream, exact to the port: within the provider's media networks, in the first seconds,
while nothing has come from where the description said, and only where nobody else claims to be it. It is never
changed afterwards. The broker checks all of that once more, against the kernel's own notes.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple

from sipalg_core.alg.calls import Call, Dialog, Hole
from sipalg_core.alg.changes import Changes
from sipalg_core.alg.effects import Changed, Effect
from sipalg_core.alg.media import Want
from sipalg_core.alg.pinholes import Entry, Ledger
from sipalg_core.alg.sayings import say
from sipalg_core.alg.screening import Screening
from sipalg_core.alg.verdicts import RUNNING
from sipalg_core.contract.control import Stray
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint

# --- Implementation constants ---
WINDOW: Final = 10.0
"""Seconds from the answer (or from the opening) in which a source is learnt; media begins within one or two."""


class Stream(NamedTuple):
    """A pinhole through which nothing has come yet."""

    call: Call
    dialog: Dialog
    want: Want
    hole: Hole


class Found(NamedTuple):
    stream: Stream
    source: Endpoint | None  # None: several claim to be it


class Learning:
    """Of all calls of one engine."""

    def __init__(
        self, policy: AlgPolicy, screening: Screening, ledger: Ledger, counts: Counts[str], changes: Changes
    ) -> None:
        self.policy, self.screening = policy, screening
        self._ledger, self._counts, self._changes = ledger, counts, changes

    def learn(self, now: float) -> list[Effect]:
        """Let in what is heard from elsewhere than its description said, where the operator wants that."""
        heard = self._ledger.strays.heard
        if not heard or not any(peering.learns_from for peering in self.policy.peerings):
            return []
        ports = {stray.destination for stray, _ in heard}
        entries = [entry for entry in self._ledger if entry.hole.pinhole.mapped in ports]
        calls = {entry.call.id: entry.call for entry in entries}
        latched = {entry.hole.pinhole.mapped: entry.call for entry in entries if entry.hole.learnt}
        let_in = {(entry.hole.pinhole.external, entry.hole.pinhole.mapped) for entry in entries}
        elsewhere = [(stray, packets) for stray, packets in heard if not _early(stray, let_in)]
        effects: list[Effect] = []
        for (call, dialog, want, hole), source in found(calls.values(), latched, elsewhere, self._may_be, now):
            if source is None:
                self._counts["refused:media-of-several"] += 1
                continue
            self._counts["learnt:media"] += 1
            dialog.holes[want._replace(external=source)], opened = self._ledger.learn(hole, call, source, now)
            self._changes.note("call", call.id)
            effects += (opened, Changed("pinholes", str(opened.pinhole.id)), Changed("calls", call.id))
        return effects

    def unlearn(self, now: float) -> list[Effect]:
        """Shut what the policy of now would not let in. What was described is open beside it, or ended in silence."""
        effects: list[Effect] = []
        for hole, call in self._ledger:
            if hole.learnt and not _may_stay(call, hole):
                call.let_go(hole)
                if hole.is_audio and call.alive and not any(each.is_audio for each in call.holes()):
                    call.warning = say("unlearnt", source=hole.pinhole.external)
                self._changes.note("call", call.id)
                effects += (*self._ledger.close(hole, now, "unlearnt"), Changed("calls", call.id))
        return effects

    def refused(self, entry: Entry, reason: str) -> list[Effect]:
        """The broker does not let it in: the call goes on as described."""
        self._counts[f"refused:learnt-{reason}"] += 1
        entry.call.let_go(entry.hole)
        self._changes.note("call", entry.call.id)
        self._ledger.forget(entry.hole)
        return [Changed("pinholes", str(entry.hole.pinhole.id)), Changed("calls", entry.call.id)]

    def _may_be(self, call: Call, host: str) -> bool:
        """P3, and within the provider's media networks."""
        address, peering = ip_address(host), call.peering
        ours = self.screening.media_peer_refusal(host, peering.rule) is not None
        return not ours and any(address in network for network in peering.learns_from)


def found(
    calls: Iterable[Call],
    latched: Mapping[Endpoint, Call],
    heard: list[tuple[Stray, int]],
    is_allowed: Callable[[Call, str], bool],
    now: float,
) -> Iterator[Found]:
    """What is heard now of streams that wait. `is_allowed`: may media of this call come from this host?

    `latched` says for which calls something is learnt at a port already. Where a telephone uses one port in two calls,
    nobody knows whose media it is.
    """
    waiting: dict[Endpoint, list[Stream]] = {}
    for call in calls:
        for stream in _waiting(call, now):
            waiting.setdefault(stream.want.mapped, []).append(stream)
    for mapped, streams in waiting.items():
        stream = streams[-1]  # of early dialogs the youngest
        if any(
            call is not stream.call for call in (latched.get(mapped, stream.call), *(each.call for each in streams))
        ):
            continue
        sources = {
            stray.source
            for stray, packets in heard
            if stray.destination == mapped
            and packets >= (RUNNING if stream.want.component == "rtp" else 1)
            and is_allowed(stream.call, stray.source.host)
            and _fits(stream, stray.source)
        }
        if sources:
            yield Found(stream, sources.pop() if len(sources) == 1 else None)


def _early(stray: Stray, let_in: set[tuple[Endpoint, Endpoint]]) -> bool:
    """It came before the pinhole that it passes by now (of this port, or of any of its host)."""
    source, mapped = stray.source, stray.destination
    return (source, mapped) in let_in or (source._replace(port=0), mapped) in let_in


def _may_stay(call: Call, hole: Hole) -> bool:
    """Whether what was learnt before would still be: the operator may want it otherwise by now."""
    source = ip_address(hole.pinhole.external.host)
    return any(source in network for network in call.peering.learns_from)


def _waiting(call: Call, now: float) -> Iterator[Stream]:
    if not call.alive or call.shadow or not call.peering.learns_from:
        return
    for dialog in call.dialogs.values():
        if call.answered is not None and not dialog.confirmed:
            continue
        for want, hole in dialog.holes.items():
            begun = max(call.answered or 0.0, hole.opened)
            fresh = not hole.packets_in and now <= begun + WINDOW
            if fresh and not hole.held and not hole.learnt and not hole.pinned and _latched(dialog, want) is None:
                yield Stream(call, dialog, want, hole)


def _latched(dialog: Dialog, want: Want) -> Hole | None:
    """What was learnt for this pinhole."""
    for known, hole in dialog.holes.items():
        if hole.learnt and known.mapped == want.mapped and hole.instead_of == want.external:
            return hole
    return None


def _fits(stream: Stream, source: Endpoint) -> bool:
    """RTCP is learnt from the host alone from which the stream's RTP was."""
    if stream.want.component == "rtp":
        return True
    return any(
        hole.learnt and hole.component == "rtp" and hole.line == stream.hole.line
        and hole.pinhole.external.host == source.host
        for hole in stream.dialog.holes.values()
    )  # fmt: skip
