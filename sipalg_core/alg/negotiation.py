# SPDX-License-Identifier: GPL-2.0-or-later
"""Session descriptions of calls, from the message to the pinhole: allocate, rewrite, agree, open and shut."""

from __future__ import annotations

from collections import Counter as Counts
from random import Random
from typing import Final

from sipalg_core.alg import media, rewrite_sdp
from sipalg_core.alg.calls import MAX_PINHOLES, Call, Dialog, Hole
from sipalg_core.alg.effects import Changed, ClosePinhole
from sipalg_core.alg.media import Line, Offer, Want
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.pinholes import Ledger
from sipalg_core.alg.ports import QUARANTINE, PortPool
from sipalg_core.alg.screening import Screening
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint, Side
from sipalg_core.sdp import session as sdp
from sipalg_core.sip.message import Message

WITH_DESCRIPTION: Final = (b"INVITE", b"ACK", b"PRACK", b"UPDATE")
"""Requests of which they or their responses carry one (RFC 3261 §13, RFC 3262 §5, RFC 3311)."""


class Negotiation:
    """RFC 3264 for all calls of one engine, with the ports and the ledger that it needs."""

    def __init__(self, policy: AlgPolicy, screening: Screening, random: Random, counts: Counts[str]) -> None:
        self.policy = policy
        self.screening = screening
        self.pool = PortPool(policy.media_ports, random)
        self.ledger = Ledger(random)
        self._counts = counts

    def describe(self, passage: Passage, call: Call, dialog: Dialog | None) -> None:
        """Take the session description that a message carries: rewrite it, and see whether it offers or answers."""
        lines = self._lines(passage, call)
        if lines is None:
            return
        message = passage.message
        pending = call.offer if dialog is None else dialog.offer
        if (
            pending is not None
            and dialog is not None
            and pending.side is not passage.side
            and _answers(message, pending)
        ):
            self._agree(passage, call, dialog, pending, lines)
            return
        offer = Offer(passage.side, lines, message.method, message.cseq)
        if dialog is None:
            call.offer = offer
        else:
            dialog.offer = offer

    def _lines(self, passage: Passage, call: Call) -> tuple[Line, ...] | None:
        message = passage.message
        if message.body.start == message.body.end or not _is_sdp(message):
            return None
        try:
            session = sdp.parse(message.data, *message.body)
        except sdp.SdpError as error:
            self._counts[f"sdp:{error.reason}"] += 1
            return None
        if any(described.has_candidates for described in session.media):
            self._counts["sdp:ice-untouched"] += 1  # ICE finds its own way; half a rewrite would break it
            return None
        if passage.side is Side.EXTERNAL:
            return tuple(self._screened(line) for line in media.lines_of(session))

        def allocate(internal: Endpoint) -> int:
            port = call.pairs.get(internal)
            if port is None:
                port = self.pool.take(internal, passage.now)
                if port is None:
                    raise Refused("media-ports", retry_after=int(QUARANTINE))
                call.pairs[internal] = port
            return port

        own, ours = passage.mapping.internal.host, passage.mapping.external.host
        edits, lines = rewrite_sdp.outward(session, own, ours, allocate, self._counts)
        passage.edits += edits
        return lines

    def _screened(self, line: Line) -> Line:
        """P3: an external endpoint that must not get a pinhole counts as off."""
        refusal = self.screening.media_peer_refusal(line.rtp.host) if line.rtp else None
        if refusal is None:
            return line
        self._counts[f"refused:{refusal}"] += 1
        return line._replace(rtp=None, rtcp=None)

    def _agree(self, passage: Passage, call: Call, dialog: Dialog, offer: Offer, answer: tuple[Line, ...]) -> None:
        """Make the dialog's pinholes those that offer and answer ask for; what stays is not touched."""
        wants = media.wanted(offer, answer, symmetric=call.peering.symmetric_media)[:MAX_PINHOLES]
        call.codec = media.codec(offer, answer) or call.codec
        for want in wants:
            if want not in dialog.holes:
                dialog.holes[want] = self._open(passage, call, want, gate=False)
        for want in [held for held in dialog.holes if held not in wants]:
            self._shut(passage, dialog.holes.pop(want))
        self.close_gates(passage, call)

    def open_gates(self, passage: Passage, call: Call) -> None:
        if call.offer is not None:
            for want in media.gates(call.offer, self.screening.gate_sources(call.peering, passage.peer)):
                call.gates[want] = self._open(passage, call, want, gate=True)

    def _open(self, passage: Passage, call: Call, want: Want, *, gate: bool) -> Hole:
        timers = self.policy.timers
        lifetime = timers.gate if gate else timers.inactive_media
        hole, effect = self.ledger.open(want, call, gate=gate, lifetime=lifetime, now=passage.now)
        passage.opens.append(effect)
        passage.after.append(Changed("pinholes", str(effect.pinhole.id)))
        return hole

    def close_gates(self, passage: Passage, call: Call) -> None:
        for hole in call.gates.values():
            self._shut(passage, hole)
        call.gates.clear()

    def shut_all(self, passage: Passage, dialog: Dialog) -> None:
        for hole in dialog.holes.values():
            self._shut(passage, hole)
        dialog.holes.clear()

    def _shut(self, passage: Passage, hole: Hole) -> None:
        passage.after += (self.ledger.close(hole), Changed("pinholes", str(hole.pinhole.id)))

    def close(self, call: Call) -> list[ClosePinhole | Changed]:
        """Shut all that the call holds; its ports stay its own."""
        effects: list[ClosePinhole | Changed] = []
        for hole in call.holes():
            effects += (self.ledger.close(hole), Changed("pinholes", str(hole.pinhole.id)))
        call.gates.clear()
        for dialog in call.dialogs.values():
            dialog.holes.clear()
        return effects

    def give_back(self, call: Call, now: float) -> None:
        for internal in call.pairs:
            self.pool.give_back(internal, now)
        call.pairs.clear()


def _answers(message: Message, offer: Offer) -> bool:
    """Whether this message may carry the answer to that offer (RFC 3264, RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311)."""
    if not message.is_request:
        return (message.method, message.cseq) == (offer.method, offer.cseq)
    if message.method == b"ACK":
        return offer.method == b"INVITE" and message.cseq == offer.cseq
    return message.method == b"PRACK" and offer.method == b"INVITE"


def _is_sdp(message: Message) -> bool:
    kind = message.value(b"content-type").partition(b";")[0].strip().lower()
    return kind == sdp.CONTENT_TYPE and message.first(b"content-encoding") is None
