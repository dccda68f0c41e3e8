# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the audio of a call, from what the kernel counted: of its pinholes, and of what fits none.

Pure; a verdict is said only of a call that has been answered, and of streams that are not on hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sipalg_core.alg.calls import Call, Hole
from sipalg_core.alg.sayings import Saying, say
from sipalg_core.contract.control import Stray
from sipalg_core.net import Endpoint, Side

# --- Implementation constants ---
PATIENCE: Final = 2.0
"""Seconds from the answer (or from the opening) until silence means something; media begins later than the 200."""
STOPPED_AFTER: Final = 3.0
"""Seconds of silence of a stream that ran; what is between two counts is no silence."""
RUNNING: Final = 4
"""Packets between two counts (0.5 s) that make strays a stream: RTP has 25, RTCP one in ten counts."""

AUDIO_BOTH: Final = say("audio-both")


class Strays:
    """The strays that run at the moment, found by what a pinhole knows."""

    def __init__(self) -> None:
        self._before: dict[tuple[Endpoint, Endpoint], int] = {}
        self._inward: list[Stray] = []
        self._outward: list[Stray] = []
        self._begin = self._end = 0.0  # of the time in which they came
        self.heard: list[tuple[Stray, int]] = []
        """All that came from outside since the last time, with how many packets."""

    def update(self, strays: Iterable[Stray], at: float) -> int:
        """How many packets came from outside since the last time."""
        self._begin, self._end = self._end, at
        now, self._inward, self._outward, self.heard = {}, [], [], []
        for stray in strays:
            flow = stray.source, stray.destination
            now[flow] = stray.packets
            fresh = max(stray.packets - self._before.get(flow, 0), 0)
            if stray.side is Side.EXTERNAL and fresh:
                self.heard.append((stray, fresh))
            if fresh >= RUNNING:
                (self._inward if stray.side is Side.EXTERNAL else self._outward).append(stray)
        self._before = now
        return sum(packets for _, packets in self.heard)

    def to(self, mapped: Endpoint) -> Stray | None:
        """From outside to this endpoint of ours."""
        return next((stray for stray in self._inward if stray.destination == mapped), None)

    def from_host(self, host: str, mapped: Endpoint, since: float) -> Stray | None:
        """From this external host to another port of the same address of ours."""
        if since > self._begin:
            return None  # some may be of the call before, between the same hosts
        flows = (stray for stray in self._inward if stray.source.host == host)
        return next((stray for stray in flows if stray.destination.host == mapped.host), None)

    def between(self, internal: str, external: str, since: float) -> list[Stray]:
        """From this internal host to this external one."""
        if since > self._begin:
            return []
        return [
            stray
            for stray in self._outward
            if (stray.source.host, stray.destination.host) == (internal, external)
        ]  # fmt: skip


def of_call(call: Call, strays: Strays, now: float) -> Saying | None:
    """None as long as there is nothing to say."""
    if call.answered is None:
        return None
    holes = [hole for hole in call.holes() if hole.is_audio and not hole.gate]
    if not holes:
        return call.verdict
    for stream in (streams := _streams(holes)):
        if stream.into.active_in and stream.out.active_out:
            return _flows(stream.into)
    stream = max(streams, key=lambda each: (each.into.packets_in + each.out.packets_out, each.out.opened))
    if stream.out.held:
        return say("on-hold")
    inward = _inward(stream.into, strays, max(call.answered, stream.into.opened), now)
    outward = _outward(stream.out, strays, max(call.answered, stream.out.opened), now)
    if inward and outward and {inward.code, outward.code} == {"peer-silent", "phone-silent"}:
        return say("both-silent")
    return inward or outward or call.verdict


class _Stream(NamedTuple):
    """Through which pinhole it comes in, and through which it goes out: they are two where its source was learnt."""

    into: Hole
    out: Hole


def _streams(holes: list[Hole]) -> list[_Stream]:
    learnt = {hole.pinhole.mapped: hole for hole in holes if hole.learnt}
    streams = []
    for hole in holes:
        if not hole.learnt:
            into = learnt.get(hole.pinhole.mapped, hole)
            streams.append(_Stream(into, into if into.packets_out > hole.packets_out else hole))
    return streams or [_Stream(hole, hole) for hole in holes]  # what was described has been silent for too long


def _flows(hole: Hole) -> Saying:
    if hole.instead_of is None:
        return AUDIO_BOTH
    return say("audio-both-learnt", source=hole.pinhole.external, peer=_text(hole.instead_of))


def _inward(hole: Hole, strays: Strays, since: float, now: float) -> Saying | None:
    """Why nothing comes from the other side."""
    if hole.active_in:
        return None
    mapped, peer = hole.pinhole.mapped, hole.pinhole.external
    stray = strays.to(mapped)
    if stray is not None and stray.source == peer:
        return None  # it was let in since
    if stray is not None and stray.source.host != peer.host:
        return say("peer-other-host", peer=_text(peer), host=stray.source.host)
    if stray is not None:
        return say("peer-other-port", peer=_text(peer), port=stray.source.port, said=peer.port)
    stray = strays.from_host(peer.host, mapped, since)
    if stray is not None:
        return say("peer-missed-port", host=peer.host, port=stray.destination.port, said=mapped.port)
    if hole.packets_in:
        return say("peer-stopped", peer=_text(peer)) if now - hole.last_in >= STOPPED_AFTER else None
    return say("peer-silent", peer=_text(peer)) if now - since >= PATIENCE else None


def _outward(hole: Hole, strays: Strays, since: float, now: float) -> Saying | None:
    """Why nothing comes from the phone."""
    if hole.active_out:
        return None
    phone, peer = hole.pinhole.internal, hole.pinhole.external
    for stray in strays.between(phone.host, peer.host, since):
        if stray.source == phone:
            return say("phone-missed-port", phone=phone, port=stray.destination.port, peer=peer.host, said=peer.port)
        return say("phone-other-port", phone=phone.host, port=stray.source.port, said=phone.port)
    if hole.packets_out:
        return say("phone-stopped", phone=phone) if now - hole.last_out >= STOPPED_AFTER else None
    return say("phone-silent", phone=phone) if now - since >= PATIENCE else None


def _text(peer: Endpoint) -> str:
    return str(peer) if peer.port else peer.host
