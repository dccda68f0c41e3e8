# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: datagrams and time in, effects out. Nothing here opens a socket, reads a clock or rolls a die.

`now` is monotonic seconds; the first effects of a list are to be done before the later ones.
"""

from __future__ import annotations

from collections import Counter as Counts
from random import Random
from typing import Final

from sipalg_core.alg import rewrite, rows
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.effects import Changed, Effect, Forward
from sipalg_core.alg.mappings import Mapping, Mappings, NoPort
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.registrations import Registrations
from sipalg_core.alg.screening import Screening
from sipalg_core.alg.transactions import Transactions
from sipalg_core.contract.control import Counter, Pinhole, Status
from sipalg_core.contract.events import HealthRow, Row, Topic
from sipalg_core.contract.policy import AlgPolicy, Peering
from sipalg_core.net import Datagram, Flow, Side
from sipalg_core.sip import edit
from sipalg_core.sip.answer import answer
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.message import Message, parse

BROADCAST: Final = "255.255.255.255"
HOUSEKEEPING: Final = 1.0
"""Seconds between looks at what ends on its own and need not end to the instant."""
RETRY_AFTER: Final = 10
LONGEST_KEEP_ALIVE: Final = 4
"""Octets: CRLFCRLF (RFC 5626 §3.5.1) and what phones send instead; no message is so short."""


class Engine:
    """`wall` is Unix time minus monotonic time, for what people read."""

    def __init__(self, policy: AlgPolicy, *, random: Random, wall: float) -> None:
        self.counts: Counts[str] = Counts()
        self._random = random
        self._wall = wall
        self._started = -1.0
        self._next_housekeeping = 0.0
        self._last: Passage | None = None
        self._policy = policy
        self._screening = Screening(policy)
        self._mappings = Mappings(policy.external_address() or "", policy.signalling_ports, random)
        self._transactions = Transactions(policy.timers)
        self._registrations = Registrations()
        self._dialogs = Dialogs(policy, self._screening, random, self.counts)

    # --- input ---

    def receive(self, datagram: Datagram, now: float) -> list[Effect]:
        """What one datagram causes. Never raises for what a peer sends."""
        self.counts["received"] += 1
        flow, message = datagram.flow, None
        try:
            peering, mapping = self._party(flow, now)
            if len(datagram.data) <= LONGEST_KEEP_ALIVE:
                return [self._onward(datagram.data, flow, mapping)]
            message = parse(datagram.data)
            if message.body.end < len(datagram.data):
                self.counts["cut:behind-body"] += 1
            return self._pass(Passage(message, flow, mapping, peering, now))
        except ParseError as error:
            return self._refuse(error.partial or message, flow, error.reason, error.status, now)
        except (Refused, NoPort) as error:
            refused = error if isinstance(error, Refused) else Refused(str(error), retry_after=RETRY_AFTER)
            message = message or _request(datagram.data)
            return self._refuse(message, flow, refused.reason, refused.status, now, refused.retry_after)

    def tick(self, now: float) -> list[Effect]:
        effects = self._dialogs.tick(now)
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING
            self._transactions.expire(now)
            effects += [Changed("registrations", ident) for ident in self._registrations.expire(now)]
            effects.append(Changed("health", "engine"))
        return effects

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; monotonic seconds."""
        due = self._dialogs.next_deadline()
        return self._next_housekeeping if due is None else min(due, self._next_housekeeping)

    def set_policy(self, policy: AlgPolicy, now: float) -> list[Effect]:
        """Decide by this policy from now on. Running calls keep what they have, unless our address is another."""
        effects: list[Effect] = [Changed("health", "engine")]
        if policy.external_address() != self._policy.external_address():
            self._mappings = Mappings(policy.external_address() or "", policy.signalling_ports, self._random)
            effects += self._dialogs.end_all(now, "our address changed")
        self._policy = policy
        self._screening = Screening(policy)
        self._transactions.timers = policy.timers
        self._dialogs.set_policy(policy, self._screening)
        return effects

    def pinhole_failed(self, pinhole: Pinhole, status: Status, detail: int, now: float) -> list[Effect]:
        """The broker did not open it: the message does not go on, and its call must not stay half open."""
        reason = f"pinhole-{status.name.lower()}" + (f"-p{detail}" if status is Status.REFUSED else "")
        hole = self._dialogs.negotiation.ledger.get(pinhole.id)
        effects = self._dialogs.fail(hole, now) if hole is not None else []
        passage = self._last
        if passage is None or not any(effect.pinhole.id == pinhole.id for effect in passage.opens):
            return effects
        request = passage.message if passage.message.is_request else None
        return [*effects, *self._refuse(request, passage.flow, reason, 503, now, RETRY_AFTER)]

    def count(self, counters: list[Counter], now: float) -> list[Effect]:
        """Take the kernel's packet counts of the pinholes."""
        changed = self._dialogs.negotiation.ledger.count(counters, now)
        calls = dict.fromkeys(hole.call.id for hole in changed)
        holes = [Changed("pinholes", str(hole.pinhole.id)) for hole in changed]
        return [*holes, *(Changed("calls", ident) for ident in calls)]

    # --- questions ---

    def rows(self, topic: Topic, now: float) -> list[Row]:
        match topic:
            case "calls":
                return [rows.call_row(call, self._wall) for call in self._dialogs.calls()]
            case "pinholes":
                return [rows.pinhole_row(hole, self._wall) for hole in self._dialogs.negotiation.ledger]
            case "registrations":
                return [rows.registration_row(known, self._wall) for known in self._registrations.values()]
            case "health":
                return [self._health(now)]

    def row(self, topic: Topic, ident: str, now: float) -> Row | None:
        """One row as it is now, or None where it is gone."""
        match topic:
            case "calls":
                call = self._dialogs.get(ident)
                return rows.call_row(call, self._wall) if call else None
            case "pinholes":
                hole = self._dialogs.negotiation.ledger.get(int(ident))
                return rows.pinhole_row(hole, self._wall) if hole else None
            case "registrations":
                known = self._registrations.get(ident)
                return rows.registration_row(known, self._wall) if known else None
            case "health":
                return self._health(now)

    def _health(self, now: float) -> HealthRow:
        if self._started < 0:
            self._started = now
        return {
            "id": "engine",
            "since": self._started + self._wall,
            "revision": self._policy.revision,
            "enabled": self._policy.enabled,
            "calls": sum(call.alive for call in self._dialogs.calls()),
            "registrations": sum(known.state == "registered" for known in self._registrations.values()),
            "pinholes": len(self._dialogs.negotiation.ledger),
            "counters": dict(self.counts),
        }

    # --- one message ---

    def _party(self, flow: Flow, now: float) -> tuple[Peering, Mapping]:
        """The rule that allows this flow and the internal party's mapping. Raises Refused, NoPort."""
        if flow.side is Side.INTERNAL:
            peering = self._screening.peering(flow.source.host, flow.destination.host)
            if peering is None or not self._mappings.address:
                raise Refused("no-rule", 0)
            return peering, self._mappings.claim(flow.source, now)
        mapping = self._mappings.of_port(flow.destination.port)
        if mapping is None:
            raise Refused("no-mapping", 480)
        peering = self._screening.peering(mapping.internal.host, flow.source.host)
        if peering is None:
            raise Refused("no-rule", 0)
        return peering, mapping

    def _pass(self, passage: Passage) -> list[Effect]:
        message, side, now = passage.message, passage.side, passage.now
        self._last = passage
        if side is Side.INTERNAL:
            passage.edits = rewrite.outward(message, passage.mapping, self._mappings, now)
        else:
            passage.edits = rewrite.inward(message, passage.mapping, self._mappings)
        if not message.is_request:
            self._response(passage)
        elif not self._request(passage):
            return []
        onward = self._onward(edit.apply(message, passage.edits), passage.flow, passage.mapping)
        return passage.effects(onward)

    def _request(self, passage: Passage) -> bool:
        """Follow a request; False where it ends here."""
        message, side = passage.message, passage.side
        if message.method == b"ACK":
            begun = self._transactions.of_ack(message, side)
            if begun is not None and begun.answered_here:
                return False
        else:
            self._transactions.begin(message, side, passage.peer, passage.now)
        if message.method == b"REGISTER":
            if side is Side.EXTERNAL:
                raise Refused("register-from-outside", 0)  # P11, A13
            registrar = passage.flow.destination
            self._registrations.asked(message, passage.edits, passage.mapping, registrar, passage.peering)
        else:
            self._dialogs.request(passage)
        return True

    def _response(self, passage: Passage) -> None:
        message = passage.message
        if any(via.sent_by and via.sent_by.host == BROADCAST for via in message.all_vias()):
            raise Refused("via-broadcast", 0)  # RFC 4475 §3.3.10: the next hop must not be made to shout it out
        transaction = self._transactions.of_response(message, passage.side, passage.peer)
        if transaction is None:
            self.counts["ignored:no-transaction"] += 1
            return
        if message.status_code < 200:
            self._transactions.provisional(transaction, passage.now)
        if message.method == b"REGISTER":
            changed = self._registrations.answered(message, passage.now)
            passage.after += [Changed("registrations", ident) for ident in changed]
        else:
            self._dialogs.response(passage)

    def _onward(self, data: bytes, flow: Flow, mapping: Mapping) -> Forward:
        self.counts["forwarded"] += 1
        if flow.side is Side.INTERNAL:
            return Forward(data, flow.transport, Side.EXTERNAL, mapping.external, flow.destination)
        return Forward(data, flow.transport, Side.INTERNAL, flow.source, mapping.internal)

    def _refuse(
        self, request: Message | None, flow: Flow, reason: str, status: int, now: float, retry_after: int | None = None
    ) -> list[Effect]:
        """Answer a request in our own name where that is possible, else drop; always with the reason counted."""
        reply = None
        if request is not None and request.is_request and status:
            tag = b"%x" % self._random.getrandbits(64)
            reply = answer(request, status, tag=tag, warning=reason, retry_after=retry_after)
        if reply is None or request is None:
            self.counts[f"dropped:{reason}"] += 1
            return []
        self.counts[f"answered:{reason}"] += 1
        if request.call_id and request.method == b"INVITE":
            peer = (flow.destination if flow.side is Side.INTERNAL else flow.source).host
            self._transactions.refuse(request, flow.side, peer, now)
        return [Forward(reply, flow.transport, flow.side, flow.destination, flow.source)]


def _request(data: bytes) -> Message | None:
    """The request in a datagram that was refused for other reasons than its form."""
    try:
        message = parse(data)
    except ParseError:
        return None
    return message if message.is_request else None
