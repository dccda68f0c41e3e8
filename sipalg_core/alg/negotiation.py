# SPDX-License-Identifier: GPL-2.0-or-later
"""Session descriptions of calls, from the message to the pinhole: allocate, rewrite, agree, open and shut."""

from __future__ import annotations

from collections import Counter as Counts
from functools import partial
from ipaddress import ip_address
from itertools import islice
from random import Random
from typing import Final

from sipalg_core.alg import media, rewrite_ice, rewrite_sdp
from sipalg_core.alg.calls import MAX_PINHOLES, Call, Dialog, Hole
from sipalg_core.alg.changes import Changes
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, OpenPinhole
from sipalg_core.alg.learning import Learning
from sipalg_core.alg.mappings import Mappings
from sipalg_core.alg.media import Agreed, Line, Offer, Want
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.pinholes import Entry, Ledger
from sipalg_core.alg.ports import QUARANTINE, NoPair, PortPool
from sipalg_core.alg.sayings import say
from sipalg_core.alg.screening import Screening
from sipalg_core.contract.control import Counter, Status, Stray
from sipalg_core.contract.events import ClosedBecause
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint, Side
from sipalg_core.sdp import session as sdp
from sipalg_core.sip import multipart
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.message import Message
from sipalg_core.sip.multipart import Part

WITH_DESCRIPTION: Final = (b"INVITE", b"ACK", b"PRACK", b"UPDATE")
"""Requests of which they or their responses carry one (RFC 3261 §13, RFC 3262 §5, RFC 3311)."""


class _Party:
    """The sending party of one description, as `rewrite_sdp` asks for it."""

    def __init__(self, negotiation: Negotiation, passage: Passage, call: Call) -> None:
        self._negotiation, self._passage, self._call = negotiation, passage, call

    def external(self, host: str) -> str | None:
        return self._negotiation.external(self._passage, self._call, host)

    def allocate(self, rtp: Endpoint, rtcp: Endpoint | None) -> int:
        return self._negotiation.allocate(self._passage, self._call, rtp, rtcp)

    def pinned(self, rtp: Endpoint) -> Endpoint | None:
        return self._negotiation.pinned(self._passage, self._call, rtp)


class Negotiation:
    """RFC 3264 for all calls of one engine, with the ports and the ledger that it needs."""

    def __init__(
        self,
        policy: AlgPolicy,
        screening: Screening,
        mappings: Mappings,
        random: Random,
        counts: Counts[str],
        changes: Changes,
    ) -> None:
        self.pool = PortPool(policy.media_ports, random, changes)
        self.ledger = Ledger(random, changes)
        self.learning = Learning(policy, screening, self.ledger, counts, changes)
        self._changes = changes
        self._mappings = mappings
        self._counts = counts
        self._policy, self._screening = policy, screening

    def set_policy(self, policy: AlgPolicy, screening: Screening, now: float) -> list[Effect]:
        """Decide by this policy from now on; open pinholes take the lifetime that it says."""
        self._policy, self._screening = policy, screening
        self.learning.policy, self.learning.screening = policy, screening
        self.pool.set_range(policy.media_ports)
        effects: list[Effect] = []
        for hole, call in self.ledger:
            hole.refused = False
            lifetime = policy.timers_of(call.peering).inactive_media
            if not hole.gate and not hole.shadow and hole.pinhole.lifetime != lifetime:
                hole.pinhole = hole.pinhole._replace(lifetime=lifetime)
                hole.last_packet = hole.renewed = now
                self._changes.note("call", call.id)
                effects.append(OpenPinhole(hole.pinhole))
        return effects

    def describe(self, passage: Passage, call: Call, dialog: Dialog | None) -> None:
        """Take the session description that a message carries: rewrite it, and see whether it offers or answers."""
        if _signs_body(passage.message):
            self._counts["sdp:signed"] += 1
            call.warning = say("description-signed")
            return
        lines = None
        try:
            lines = self._lines(passage, call)
        except Refused as refused:
            if not passage.shadow:
                raise
            passage.refusal = refused.reason  # its call goes on beside us, and is followed without it
        if lines is None:
            return
        message, side = passage.message, passage.side
        offer = dialog.offers.get(side.other) if dialog is not None else None
        if dialog is not None and offer is not None and _answers(message, offer):
            self._agree(passage, call, dialog, offer, lines)
        elif dialog is not None:
            dialog.offers[side] = Offer(side, lines, message.method, message.cseq)
        else:
            call.offer = Offer(side, lines, message.method, message.cseq)

    # --- reading and rewriting ---

    def _lines(self, passage: Passage, call: Call) -> tuple[Line, ...] | None:
        message = passage.message
        try:
            part = multipart.part_of(message, sdp.CONTENT_TYPE)
            if part is None:
                return None
            session = sdp.parse(message.data, *part.body)
        except (ParseError, sdp.SdpError) as error:
            self._counts[f"sdp:{error.reason}"] += 1
            return None
        if len(session.media) > self._policy.limits_of(passage.peering).media_lines:
            raise Refused("media-lines", 488)
        self._counts.update(media.refusals(session))
        if passage.side is Side.EXTERNAL:
            return self._from_outside(passage, part, session)
        return self._from_inside(passage, part, session, call)

    def _from_inside(self, passage: Passage, part: Part, session: sdp.Session, call: Call) -> tuple[Line, ...] | None:
        party = _Party(self, passage, call)
        external = party.external
        edits, lines = rewrite_sdp.outward(session, external, party.allocate, party.pinned, self._refusal, self._counts)
        if any(described.has_candidates for described in session.media):
            candidates = rewrite_ice.outward(passage.message.data, part.body, lines, external)
            if candidates is None:
                self._counts["sdp:ice-untouched"] += 1  # ICE finds its own way
                return None
            edits += candidates
        passage.edits += [*edits, *multipart.length_edits(passage.message, part, edits)]
        return lines

    def _owns(self, passage: Passage, host: str) -> bool:
        """P2: the party's own address, or one of the hosts that send media on its behalf."""
        if host == passage.mapping.internal.host:
            return True
        return bool(passage.peering.media_hosts) and any(
            ip_address(host) in network for network in passage.peering.media_hosts
        )

    def _owner(self, endpoint: Endpoint) -> Endpoint | None:
        return self.pool.owner(endpoint.port) if self._mappings.is_ours(endpoint.host) else None

    def external(self, passage: Passage, call: Call, host: str) -> str | None:
        """By which address of ours the sending party's own is known outside; None where it is not its own."""
        if not self._owns(passage, host):
            return None
        if (":" in host) == (":" in call.outside) and host == passage.mapping.internal.host:
            return call.outside
        return self._policy.outside_of(passage.peering, host)

    def allocate(self, passage: Passage, call: Call, rtp: Endpoint, rtcp: Endpoint | None) -> int:
        """The even external port of this RTP endpoint. Raises Refused."""
        try:
            if rtp not in call.pairs:
                share = self._policy.limits_of(passage.peering).ports_per_host
                outside = self.external(passage, call, rtp.host) or ""
                call.pairs[rtp] = self.pool.take(rtp, outside, share, passage.now)
            if self.pool.is_of_old_range(rtp) and not self.ledger.translates(rtp):
                self.pool.draw_again(rtp, passage.now)
        except NoPair as error:
            raise Refused(str(error), retry_after=int(QUARANTINE)) from error
        port = call.pairs[rtp] = self.pool.port_of(rtp)  # a call that shares it may have drawn it again
        if rtcp is not None:
            self.pool.name_second(rtp, rtcp)
        return port

    def pinned(self, passage: Passage, call: Call, rtp: Endpoint) -> Endpoint | None:
        """C23: an address of ours at a port that is none of ours to give: the phone asked a STUN server for it."""
        given = (self._policy.media_ports, self._policy.signalling_ports)
        if rtp.host != call.outside or any(each.first <= rtp.port <= each.last for each in given):
            return None
        return Endpoint(passage.mapping.internal.host, 0) if passage.mapping.translates else None

    def _refusal(self, host: str) -> str:
        if not host:
            return "refused:sdp-host-name"  # the engine never resolves a name from a packet
        if self._mappings.is_ours(host):
            return "sdp:already-translated"  # the phone asked a STUN server
        return "refused:sdp-third-host" if self._screening.is_internal(host) else "sdp:media-elsewhere"

    def _from_outside(self, passage: Passage, part: Part, session: sdp.Session) -> tuple[Line, ...]:
        edits = rewrite_sdp.inward(session, self._owner)
        if edits:
            self._counts["sdp:hairpin"] += 1
            passage.edits += [*edits, *multipart.length_edits(passage.message, part, edits)]
        return tuple(self._screened(line, passage.peering.rule) for line in media.lines_of(session))

    def _screened(self, line: Line, rule: str) -> Line:
        """P3: an external endpoint that must not get a pinhole counts as off."""
        refusal = self._screening.media_peer_refusal(line.rtp.host, rule) if line.rtp else None
        if line.rtp is None or refusal is None:
            return line
        if line.rtp.host not in rewrite_sdp.UNSPECIFIED:
            self._counts[f"refused:{refusal}"] += 1
        return line._replace(rtp=None, rtcp=None)

    # --- agreeing ---

    def _agree(self, passage: Passage, call: Call, dialog: Dialog, offer: Offer, answer: tuple[Line, ...]) -> None:
        """Make the dialog's pinholes those that offer and answer ask for; what stays is not touched.

        What is repeated after the end of a call is translated as before and opens nothing (P10).
        """
        if not call.alive:
            return
        wants = media.wanted(offer, answer, symmetric=passage.peering.symmetric_media)
        wants = dict(islice(wants.items(), MAX_PINHOLES))
        if not self._policy.handling_of(passage.peering).hold_keeps_ports:
            self._release_held(call, wants, passage.now)
        call.codec = media.codec(offer, answer) or call.codec
        before = {want.mapped: want.external.host for want, hole in dialog.holes.items() if not hole.learnt}
        for want, (_, line) in wants.items():
            if want not in dialog.holes:
                if not self._makes_way(passage, call, want):
                    continue
                dialog.holes[want] = self._open(passage, call, want, line, gate=False)
            if before.get(want.mapped, want.external.host) != want.external.host:
                self._counts["media-moved"] += 1
        for want, hole in list(dialog.holes.items()):
            agreed = wants.get(want)
            if agreed is None and hole.instead_of is not None:  # it stays with what it was learnt for
                agreed = wants.get(want._replace(external=hole.instead_of))
            if agreed is None:
                self._give_up(passage, call, dialog.holes, want, "replaced")
                continue
            if hole.held and not agreed.held:
                hole.last_packet = passage.now  # the wait for media begins anew
            hole.held = agreed.held
        self.close_gates(passage, call)

    def _release_held(self, call: Call, wants: dict[Want, Agreed], now: float) -> None:
        for want in [want for want, agreed in wants.items() if agreed.held]:
            del wants[want]
            if call.pairs.pop(want.internal, None) is not None:
                self.pool.give_back(want.internal, now)

    def forget_offer(self, message: Message, requester: Side, dialog: Dialog) -> None:
        """The request was refused: the session stays as it was (RFC 3261 §14.1)."""
        offer = dialog.offers.get(requester)
        if offer is not None and (offer.method, offer.cseq) == (message.method, message.cseq):
            del dialog.offers[requester]

    # --- opening and shutting ---

    def open_gates(self, passage: Passage, call: Call) -> None:
        if call.offer is not None and call.alive:
            for want, line in media.gates(call.offer, self._screening.gate_sources(passage.peering, passage.peer)):
                if want not in call.gates:  # two lines may name one port
                    call.gates[want] = self._open(passage, call, want, line, gate=True)

    def _open(self, passage: Passage, call: Call, want: Want, line: int, *, gate: bool) -> Hole:
        timers = self._policy.timers_of(passage.peering)
        lifetime = timers.gate if gate else timers.inactive_media
        hole, effect = self.ledger.open(want, call, passage, line=line, gate=gate, lifetime=lifetime)
        if not call.shadow:  # the kernel may know nothing of a port from a STUN server: no message waits for that
            (passage.after if hole.pinned else passage.opens).append(effect)
        passage.after.append(Changed("pinholes", str(effect.pinhole.id)))
        call.warning, call.silence = None, 0
        return hole

    def _makes_way(self, passage: Passage, call: Call, want: Want) -> bool:
        """The phone wants its RTCP elsewhere than before: the old pinhole goes first. That of another call stays, and
        this call has none: the kernel translates our port one way only."""
        for hole, other in self.ledger.in_the_way(want):
            if other is not call:
                self._counts["refused:rtcp-of-another-call"] += 1
                return False
            call.let_go(hole)
            passage.before += self.ledger.close(hole, passage.now, "replaced")
        return True

    def take_back(self, passage: Passage) -> list[Effect]:
        """What the message was to open is open no longer, whether it was or not."""
        effects: list[Effect] = []
        for asked in passage.asked:
            if (entry := self.ledger.get(asked.pinhole.id)) is not None:
                entry.call.let_go(entry.hole)
                self.ledger.forget(entry.hole)
                effects += (ClosePinhole(asked.pinhole), Changed("pinholes", str(asked.pinhole.id)))
        passage.opens.clear()
        passage.after = [each for each in passage.after if not isinstance(each, OpenPinhole)]
        passage.take_back()
        return effects

    def not_behind_us(self, entry: Entry, passage: Passage) -> list[Effect]:
        """The kernel does not know the port that a telephone says it has outside: it was never open, nor is what was to
        open behind it in the same passage."""
        self._counts["sdp:not-behind-us"] += 1
        asked = [each.pinhole.id for each in passage.asked]
        effects: list[Effect] = [Changed("calls", entry.call.id)]
        for ident in asked[asked.index(entry.hole.pinhole.id) :]:
            if (lost := self.ledger.get(ident)) is not None:
                lost.call.let_go(lost.hole)
                self._changes.note("call", lost.call.id)
                self.ledger.forget(lost.hole)
                effects.append(Changed("pinholes", str(ident)))
        return effects

    def not_taken(self, entry: Entry, status: Status, reason: str, now: float) -> list[Effect]:
        """What no message asks for: what was to be learnt, renewed, or opened again where the kernel had lost it."""
        if entry.hole.learnt and self.ledger.is_unseen(entry.hole):
            return self.learning.refused(entry, reason)
        return self.ledger.not_renewed(entry, now, away=status is Status.FAILED)

    # --- what the kernel counts ---

    def count(self, counters: list[Counter], strays: list[Stray], now: float) -> list[Effect]:
        """Take the kernel's packet counts: of the pinholes, and of the media that fits none."""
        changed, nobodys = self.ledger.count(counters, now)
        calls = dict.fromkeys(entry.call.id for entry in changed)
        calls |= dict.fromkeys(call.id for call in self.ledger.judge(strays, now))
        if self.ledger.stray_packets:
            self._counts["strays:external"] = self.ledger.stray_packets
        effects: list[Effect] = [*nobodys, *self.learning.learn(now)]
        effects += [Changed("pinholes", str(entry.hole.pinhole.id)) for entry in changed]
        return [*effects, *(Changed("calls", ident) for ident in calls)]

    # --- the end ---

    def close_gates(self, passage: Passage, call: Call) -> None:
        for want in list(call.gates):
            self._give_up(passage, call, call.gates, want, "answered")

    def shut_all(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        for want in list(dialog.holes):
            self._give_up(passage, call, dialog.holes, want, "other-branch")

    def _give_up(
        self, passage: Passage, call: Call, held: dict[Want, Hole], want: Want, why: ClosedBecause
    ) -> None:  # fmt: skip
        """Close it once all is open that the message opens; until then it stays."""
        hole = held.pop(want)
        passage.after += self.ledger.close(hole, passage.now, why, makes_room=True)
        passage.given_up.append(partial(self._keep, call, held, want, hole))

    def _keep(self, call: Call, held: dict[Want, Hole], want: Want, hole: Hole) -> None:
        held[want] = hole
        self.ledger.resume(hole, call)

    def close(self, call: Call, now: float, why: ClosedBecause) -> list[ClosePinhole | Changed]:
        """Shut all that the call holds; its ports stay its own."""
        effects = [effect for hole in call.holes() for effect in self.ledger.close(hole, now, why)]
        call.gates.clear()
        for dialog in call.dialogs.values():
            dialog.holes.clear()
        return effects

    def give_back(self, call: Call, now: float) -> None:
        for rtp in call.pairs:
            self.pool.give_back(rtp, now)
        call.pairs.clear()


def _signs_body(message: Message) -> bool:
    """Whether a digest covers the body, so that the other side would refuse another one (RFC 7616 §3.4.3)."""
    if message.body.start == message.body.end:
        return False
    for field in message.fields:
        if field.name in (b"authorization", b"proxy-authorization"):
            parameters = message.data[field.value : field.end].partition(b" ")[2].lower().split(b",")
            if any(each.translate(None, b' \t"') == b"qop=auth-int" for each in parameters):
                return True
    return False


def _answers(message: Message, offer: Offer) -> bool:
    """Whether this message may carry the answer to that offer (RFC 3264, RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311)."""
    if not message.is_request:
        return (message.method, message.cseq) == (offer.method, offer.cseq)
    if message.method == b"ACK":
        return offer.method == b"INVITE" and message.cseq == offer.cseq
    return message.method == b"PRACK" and offer.method == b"INVITE"
