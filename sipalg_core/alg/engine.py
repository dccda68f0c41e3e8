# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: datagrams and time in, effects out. Nothing here opens a socket, reads a clock or rolls a die.

`now` is monotonic seconds; the first effects of a list are to be done before the later ones.
"""

from __future__ import annotations

from collections import Counter as Counts
from random import Random
from typing import Final

from sipalg_core.alg import rewrite
from sipalg_core.alg.abuse import REFUSALS, Abuse
from sipalg_core.alg.call_ids import CallIds
from sipalg_core.alg.changes import Changes
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.effects import Ban, Changed, Effect, Forward, Listen
from sipalg_core.alg.looks import Looks
from sipalg_core.alg.mappings import Mapping, Mappings, NoPort
from sipalg_core.alg.parties import RETRY_AFTER, Parties
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.plain import Reader
from sipalg_core.alg.registrations import Registrations
from sipalg_core.alg.rows import Health, Rows
from sipalg_core.alg.sayings import say
from sipalg_core.alg.screening import Screening
from sipalg_core.alg.state import State
from sipalg_core.alg.tallies import Tallies
from sipalg_core.alg.trace import Traces
from sipalg_core.alg.traffic import Traffic
from sipalg_core.alg.transactions import Refusal, Transactions
from sipalg_core.contract.control import Counter, Pinhole, Status, Stray
from sipalg_core.contract.events import Row, Topic, TraceRow
from sipalg_core.contract.policy import AlgPolicy, Peering
from sipalg_core.net import LARGEST_DATAGRAM, Datagram, Endpoint, Flow, Side, Transport
from sipalg_core.sip import edit
from sipalg_core.sip.answer import answer
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.message import Malformed, Message, parse

BROADCAST: Final = "255.255.255.255"
HOUSEKEEPING: Final = 1.0
"""Seconds between looks at what ends on its own and need not end to the instant."""
LONGEST_KEEP_ALIVE: Final = 4
"""Octets: CRLFCRLF (RFC 5626 §3.5.1) and what phones send instead; no message is so short."""


class Engine:
    """`wall` is Unix time minus monotonic time, for what people read."""

    def __init__(self, policy: AlgPolicy, *, random: Random, wall: float) -> None:
        self.counts: Counts[str] = Counts()
        self._random = random
        self._wall = wall
        self._next_housekeeping = 0.0
        self._last: Passage | None = None
        self._policy = policy
        self._screening = Screening(policy)
        self._abuse = Abuse()
        self._changes = Changes()
        self._mappings = Mappings(policy, random, self._changes)
        self._parties = Parties(policy, self._screening, self._mappings)
        self._tallies = Tallies()
        self._call_ids = CallIds(random, self._changes)
        self._transactions = Transactions(self._changes)
        self._registrations = Registrations(self._changes)
        self._dialogs = Dialogs(policy, self._screening, self._mappings, random, self.counts, self._changes)
        self._dialogs.overdue = self._registrations.overdue
        self._traces = Traces()
        self._traffic = Traffic()
        self.state = State(
            self._mappings, self._call_ids, self._registrations, self._transactions, self._dialogs, self._changes,
            Reader(lambda rule: self._screening.rule(rule)),
        )  # fmt: skip
        self._health = Health(policy, self._dialogs, self._registrations, self._tallies, self.counts, wall)
        self._rows = Rows(self._dialogs, self._registrations, self._health.row, wall)

    # --- input ---

    def receive(self, datagram: Datagram, now: float) -> list[Effect]:
        """What one datagram causes. Never raises for what a peer sends."""
        self.counts["received"] += 1
        self._last = None
        flow, data = datagram.flow, datagram.data
        try:
            flow, peering, mapping = self._parties.of(flow, now)
        except Refused as refused:
            banned = self.abused(flow, now) if refused.reason in REFUSALS else []
            return [*self._refuse(_request(data), flow, refused), *banned]
        if len(data) <= LONGEST_KEEP_ALIVE:
            return [self._onward(data, flow, mapping.internal, mapping)]
        datagram = Datagram(data, flow)
        try:
            message = parse(data)
        except Malformed as fault:
            return self._malformed(fault, fault.request, datagram, mapping, peering, now)
        if message.body.end < len(data):
            self.counts["cut:behind-body"] += 1
        passage = self._passage(message, flow, mapping, peering, now)
        try:
            return self._pass(passage)
        except ParseError as error:
            return self._malformed(error, message, datagram, mapping, peering, now)
        except NoPort as error:
            return self._stop(passage, Refused(str(error), retry_after=RETRY_AFTER))
        except Refused as refused:
            return self._stop(passage, refused)

    def tick(self, now: float) -> list[Effect]:
        self._last = None
        effects = self._dialogs.tick(now)
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING
            self._transactions.expire(now)
            effects += self._dialogs.negotiation.ledger.age(now)
            effects += [Changed("registrations", ident) for ident in self._registrations.expire(now)]
            effects.append(Changed("health", "engine"))
        return effects

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; monotonic seconds."""
        due = self._dialogs.table.next_deadline()
        return self._next_housekeeping if due is None else min(due, self._next_housekeeping)

    def set_policy(self, policy: AlgPolicy, now: float) -> list[Effect]:
        """Decide by this policy from now on. Running calls keep what they have, unless our address is another."""
        self._last = None
        effects: list[Effect] = [Changed("health", "engine")]
        for address in self._mappings.set_policy(policy):
            effects += self._dialogs.end_all(now, say("address-changed"), address)
        self._tallies.keep(policy)
        self._policy = self._health.policy = policy
        self._screening = Screening(policy)
        self._parties.set_policy(policy, self._screening)
        effects += self._dialogs.set_policy(policy, self._screening, now)
        return [*effects, *self.catch_up(now)]

    def catch_up(self, now: float) -> list[Effect]:
        """End what the policy of now ends; once more after a restart, when calls of before are known again."""
        return [*self._dialogs.end_of_ended_rules(now), *self._dialogs.negotiation.learning.unlearn(now)]

    def pinhole_failed(self, pinhole: Pinhole, status: Status, detail: int, now: float) -> list[Effect]:
        """The broker did not open it: the message does not go on, and its call must not stay half open.

        What no message asks for is what was open before (renewed, or opened again): no call ends by that.
        """
        reason = f"pinhole-{status.name.lower()}" + (f"-p{detail}" if status is Status.REFUSED else "")
        entry, passage = self._dialogs.negotiation.ledger.get(pinhole.id), self._last
        if passage is None or not passage.asks_for(pinhole.id):
            return self._dialogs.negotiation.not_taken(entry, status, reason, now) if entry else []
        if entry is not None and entry.hole.pinned:
            return [*self._dialogs.negotiation.not_behind_us(entry, passage), *passage.closings()]
        refused = Refused(reason, retry_after=RETRY_AFTER)
        if status is not Status.FAILED and not passage.is_of_running_call:
            effects = self._dialogs.fail(entry.call, now, say("opening-refused")) if entry else []
        else:  # no call ends because the broker is away for a moment, and none that is up because it wants too much
            effects = self._dialogs.once_more(entry.call, passage) if entry else []
            if entry is not None and status is not Status.FAILED:
                entry.call.warning = say("opening-not-made")
            if passage.message.method == b"ACK":
                refused.status = 0  # an ACK that is said again is heard again
        return [*effects, *self._stop(passage, refused)]

    def reconcile(self, counters: list[Counter], now: float) -> list[Effect]:
        """Once after `state.restore`: what stands in the kernel, with what the engine before us knew of."""
        self._last = None
        return self._dialogs.negotiation.ledger.reconcile(counters, now)

    def count(self, counters: list[Counter], strays: list[Stray], now: float) -> list[Effect]:
        """Take the kernel's packet counts: of the pinholes, and of the media that fits none."""
        self._last = None
        return self._dialogs.negotiation.count(counters, strays, now)

    def abused(self, flow: Flow, now: float) -> list[Effect]:
        """The peer of this flow said what no provider says; also the shell tells, of streams that are no SIP."""
        host = flow.source.host
        if flow.side is Side.INTERNAL or not self._abuse.once_more(host, self._policy, now):
            return []
        if self._screening.is_known(host) or self._in_touch(host):
            self.counts["spared:ban"] += 1
            return []
        self.counts["banned:abuse"] += 1
        return [Ban(host, self._policy.screening.ban)]

    def _in_touch(self, host: str) -> bool:
        return any(call.peer == host for call in self._dialogs.table if call.alive) or any(
            known.registrar.host == host for known in self._registrations.values() if known.state == "registered"
        )

    # --- questions ---

    def rows(self, topic: Topic, now: float) -> list[Row]:
        return self._rows.all(topic, now)

    def row(self, topic: Topic, ident: str, now: float) -> Row | None:
        """One row as it is now, or None where it is gone."""
        return self._rows.one(topic, ident, now)

    def trace(self, call_id: str) -> list[TraceRow]:
        """The messages of a call, by the id of its row, oldest first; [] where none are kept."""
        return self._traces.of(call_id, self._wall)

    @property
    def looks(self) -> Looks:
        """What else one may ask of calls, openings and messages."""
        return Looks(self._dialogs, self._traces, self._transactions, self._traffic, self._wall)

    def close_opening(self, ident: int, now: float) -> list[Effect]:
        """An operator's word; [] where it is not open."""
        return self._dialogs.close_opening(ident, now)

    def side_of(self, source: str, destination: str) -> Side:
        """On which side the first of two hosts is that speak over TCP."""
        return self._screening.side_of(source, destination)

    # --- one message ---

    def _passage(self, message: Message, flow: Flow, mapping: Mapping, peering: Peering, now: float) -> Passage:
        call_id = message.call_id
        if flow.side is Side.EXTERNAL:
            call_id = self._call_ids.to_internal(call_id)
        elif self._parties.moved:
            mapping = self._kept(mapping, call_id)
        if (
            flow.side is Side.INTERNAL
            and self._policy.handling_of(peering).hide_call_ids
            and mapping.translates
            and message.is_request
            and not message.to_tag
            and not self._dialogs.table.with_id(call_id, mapping.internal.host)
        ):
            self._call_ids.hide(call_id)
        return Passage(message, flow, mapping, peering, now, call_id)

    def _kept(self, mapping: Mapping, call_id: bytes) -> Mapping:
        """The mapping that the call of this message began with: what the other side was told stays true."""
        for call in self._dialogs.table.with_id(call_id, mapping.internal.host):
            if call.alive and call.outside != mapping.external.host:
                return self._mappings.of_internal(mapping.internal, call.outside) or mapping
        return mapping

    def _pass(self, passage: Passage) -> list[Effect]:
        message, mapping = passage.message, passage.mapping
        self._last = passage
        self._traffic.note(message, passage.side)
        self._dialogs.admit(passage)
        passage.edits = self._rewritten(passage)
        if not message.is_request:
            self._response(passage)
        elif not self._request(passage):
            return []
        if passage.shadow:
            return self._unchanged(passage)
        target = mapping.internal
        if passage.side is Side.EXTERNAL and not message.is_request:
            target = rewrite.response_target(message, mapping, self._mappings)
        data = edit.apply(message, passage.edits)
        flow = passage.flow
        if len(data) > LARGEST_DATAGRAM[6 if ":" in flow.source.host else 4] and flow.transport is Transport.UDP:
            raise Refused("message-too-large", 513)  # our addresses are longer than those that they replace
        passage.goes_on()
        onward = self._onward(data, flow, target, mapping)
        self._traces.add(passage, "forwarded", onward)
        if passage.call is not None:
            self._changes.note("call", passage.call.id)
        self._tallies.add(passage.peering.rule, altered=bool(passage.edits))
        effects = passage.effects(onward)
        if self._mappings.named:
            effects[:0] = [Listen(at, passage.flow.transport) for at in self._mappings.named]
            self._mappings.named.clear()
        return effects

    def _rewritten(self, passage: Passage) -> list[Edit]:
        message, mapping = passage.message, passage.mapping
        if passage.side is Side.EXTERNAL:
            return [*rewrite.inward(message, mapping, self._mappings), *self._call_ids.inward(message)]
        return [*rewrite.outward(message, mapping, self._mappings, passage.now), *self._call_ids.outward(message)]

    def _unchanged(self, passage: Passage) -> list[Effect]:
        """Shadow mode: what was decided is noted, and the message goes on as plain NAT would send it."""
        passage.goes_on()
        decided = "passed as it came"
        if passage.refusal:
            self.counts[f"shadow:{passage.refusal}"] += 1
            decided = f"would be refused: {passage.refusal}"
        self.counts["shadow:messages"] += 1
        if passage.edits:
            self.counts["shadow:would-change"] += 1
        onward = self._onward(passage.message.data, passage.flow, passage.mapping.internal, passage.mapping)
        self._traces.add(passage, f"shadow: {decided}", onward)
        if passage.call is not None:
            self._changes.note("call", passage.call.id)
        self._tallies.add(passage.peering.rule, altered=False)
        return passage.effects(onward)

    def _request(self, passage: Passage) -> bool:
        """Follow a request; False where it ends here."""
        message, side = passage.message, passage.side
        timers = self._policy.timers_of(passage.peering)
        if message.method == b"ACK":
            begun = self._transactions.acknowledged(message, side, timers, passage.now)
            if begun is not None and begun.refusal is not None:
                return False
        else:
            begun = self._transactions.begin(message, side, passage.peer, timers, passage.now)
            if begun is not None and begun.refusal is not None:
                raise Refused(*begun.refusal)  # repeated: the answer was lost
        if message.method == b"REGISTER":
            self._registrations.asked(passage, 64 * self._policy.timers_of(passage.peering).t1)
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
        timers = self._policy.timers_of(passage.peering)
        self._transactions.answered(transaction, message.status_code, timers, passage.now)
        if message.method == b"REGISTER":
            changed = self._registrations.answered(passage)
            passage.after += [Changed("registrations", ident) for ident in changed]
        else:
            self._dialogs.response(passage)

    def _onward(self, data: bytes, flow: Flow, target: Endpoint, mapping: Mapping) -> Forward:
        self.counts["forwarded"] += 1
        if flow.side is Side.INTERNAL:
            return Forward(data, flow.transport, Side.EXTERNAL, mapping.external, flow.destination)
        return Forward(data, flow.transport, Side.INTERNAL, flow.source, target)

    # --- what does not go on ---

    def _malformed(
        self,
        error: ParseError,
        message: Message | None,
        datagram: Datagram,
        mapping: Mapping,
        peering: Peering,
        now: float,
    ) -> list[Effect]:
        """What the policy says for this check: answer it, drop it, or let it pass as it came."""
        checks = self._policy.handling_of(peering).syntax
        action = next((check.action for check in checks if check.check == error.reason), "respond")
        if action == "pass" or peering.shadow:
            self.counts[f"{'shadow' if peering.shadow else 'passed'}:{error.reason}"] += 1
            self._tallies.add(peering.rule, altered=False)
            return [self._onward(datagram.data, datagram.flow, mapping.internal, mapping)]
        status = error.status if action == "respond" else 0
        refusal = self._refuse(message, datagram.flow, Refused(error.reason, status))
        return [*refusal, *self.abused(datagram.flow, now)]

    def _stop(self, passage: Passage, refused: Refused) -> list[Effect]:
        """The message ends here: a call that it was to begin ends with it, and the answer stays the same."""
        if passage.shadow:
            passage.refusal = refused.reason
            return self._unchanged(passage)
        message, call = passage.message, passage.call
        effects = self._dialogs.unheard(passage, call, refused.reason) if call is not None else []
        if message.is_request and refused.status:
            timers = self._policy.timers_of(passage.peering)
            begun = self._transactions.begin(message, passage.side, passage.peer, timers, passage.now)
            if begun is not None:
                self._transactions.refuse(begun, Refusal(refused.reason, refused.status, refused.retry_after))
        self._traces.add(passage, f"refused: {refused.reason}", None, refused.status if message.is_request else 0)
        if call is not None:
            self._changes.note("call", call.id)
        request = message if message.is_request else None
        banned = self.abused(passage.flow, passage.now) if refused.reason in REFUSALS else []
        return [*passage.closings(), *effects, *self._refuse(request, passage.flow, refused), *banned]

    def _refuse(self, request: Message | None, flow: Flow, refused: Refused) -> list[Effect]:
        """Answer a request in our own name where that is possible, else drop; always with the reason counted."""
        reply = None
        if request is not None and request.is_request and refused.status:
            tag = b"%x" % self._random.getrandbits(64)
            reply = answer(request, refused.status, tag=tag, warning=refused.reason, retry_after=refused.retry_after)
        if reply is None:
            self.counts[f"dropped:{refused.reason}"] += 1
            return []
        self.counts[f"answered:{refused.reason}"] += 1
        return [Forward(reply, flow.transport, flow.side, flow.destination, flow.source)]


def _request(data: bytes) -> Message | None:
    """The request in a datagram that was refused for other reasons than its form."""
    try:
        message = parse(data)
    except ParseError:
        return None
    return message if message.is_request else None
